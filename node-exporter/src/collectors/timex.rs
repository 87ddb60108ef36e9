//! `timex`: how well the kernel's clock follows a time server (adjtimex(2), without any change of it).

use agent_core::collector::{CollectError, Collector};
use agent_core::exposition::{Exposition, Kind, Value};
use rtime_clock::adjtime::{Timex as State, adjtimex};

/// The answer of adjtimex for a clock that nobody keeps right.
const TIME_ERROR: i32 = 5;
/// The bit of the status that says that offset and jitter are in nanoseconds.
const STA_NANO: i32 = 0x2000;

const NANOSECONDS: f64 = 1e9;
const MICROSECONDS: f64 = 1e6;
/// The kernel's unit of frequencies: a millionth, in steps of 1/65536.
const SCALED_PPM: f64 = 1e6 * 65_536.0;

/// What the kernel answers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Answer {
    clock: i32,
    status: i32,
    offset: i64,
    frequency: i64,
    maximum_error: i64,
    estimated_error: i64,
    constant: i64,
    tick: i64,
    tai: i32,
    pps_frequency: i64,
    pps_jitter: i64,
    pps_shift: i32,
    pps_stability: i64,
    pps_jitter_count: i64,
    pps_calibrations: i64,
    pps_errors: i64,
    pps_stability_count: i64,
}

/// Name, HELP, type and value of a family.
type Family = (&'static str, &'static str, Kind, fn(&Answer) -> Value);

#[rustfmt::skip]
const FAMILIES: [Family; 17] = [
    ("node_timex_sync_status", "Whether a time server keeps the clock right.", Kind::Gauge, |a| (a.clock != TIME_ERROR).into()),
    ("node_timex_offset_seconds", "Seconds by which the clock is still to be moved.", Kind::Gauge, |a| a.fine(a.offset)),
    ("node_timex_frequency_adjustment_ratio", "How much faster the clock is made to run.", Kind::Gauge, |a| (1.0 + a.frequency as f64 / SCALED_PPM).into()),
    ("node_timex_maxerror_seconds", "Seconds by which the clock is wrong at most.", Kind::Gauge, |a| micro(a.maximum_error)),
    ("node_timex_estimated_error_seconds", "Seconds by which the clock is probably wrong.", Kind::Gauge, |a| micro(a.estimated_error)),
    ("node_timex_status", "The kernel's bits about its clock.", Kind::Gauge, |a| i64::from(a.status).into()),
    ("node_timex_loop_time_constant", "How slowly the kernel follows the time server.", Kind::Gauge, |a| a.constant.into()),
    ("node_timex_tick_seconds", "Seconds between two ticks of the clock.", Kind::Gauge, |a| micro(a.tick)),
    ("node_timex_pps_frequency_hertz", "Frequency of the signal once a second.", Kind::Gauge, |a| scaled(a.pps_frequency)),
    ("node_timex_pps_jitter_seconds", "Jitter of the signal once a second.", Kind::Gauge, |a| a.fine(a.pps_jitter)),
    ("node_timex_pps_shift_seconds", "Length of the interval over which the signal is measured.", Kind::Gauge, |a| i64::from(a.pps_shift).into()),
    ("node_timex_pps_stability_hertz", "How much the signal's frequency wanders.", Kind::Gauge, |a| scaled(a.pps_stability)),
    ("node_timex_pps_jitter_total", "Times that the signal's jitter was too large.", Kind::Counter, |a| a.pps_jitter_count.into()),
    ("node_timex_pps_calibration_total", "Intervals over which the signal was measured.", Kind::Counter, |a| a.pps_calibrations.into()),
    ("node_timex_pps_error_total", "Measurements of the signal that failed.", Kind::Counter, |a| a.pps_errors.into()),
    ("node_timex_pps_stability_exceeded_total", "Times that the signal's frequency wandered too far.", Kind::Counter, |a| a.pps_stability_count.into()),
    ("node_timex_tai_offset_seconds", "Seconds by which atomic time is ahead of universal time.", Kind::Gauge, |a| i64::from(a.tai).into()),
];

fn micro(microseconds: i64) -> Value {
    Value::Float(microseconds as f64 / MICROSECONDS)
}

fn scaled(frequency: i64) -> Value {
    Value::Float(frequency as f64 / SCALED_PPM)
}

impl Answer {
    /// Seconds from the unit that the status tells.
    fn fine(&self, time: i64) -> Value {
        let unit = if self.status & STA_NANO == 0 { MICROSECONDS } else { NANOSECONDS };
        Value::Float(time as f64 / unit)
    }

    fn ask() -> Result<Self, CollectError> {
        let mut state = State::new();
        let clock = adjtimex(&mut state).map_err(|error| match error.kind() {
            // Some sandboxes forbid even the question.
            std::io::ErrorKind::PermissionDenied => {
                CollectError::NoData("adjtimex(2) is forbidden".to_owned())
            }
            _ => CollectError::Other(format!("adjtimex(2): {error}")),
        })?;
        let state = state.0;
        Ok(Self {
            clock,
            status: state.status,
            offset: state.offset,
            frequency: state.freq,
            maximum_error: state.maxerror,
            estimated_error: state.esterror,
            constant: state.constant,
            tick: state.tick,
            tai: state.tai,
            pps_frequency: state.ppsfreq,
            pps_jitter: state.jitter,
            pps_shift: state.shift,
            pps_stability: state.stabil,
            pps_jitter_count: state.jitcnt,
            pps_calibrations: state.calcnt,
            pps_errors: state.errcnt,
            pps_stability_count: state.stbcnt,
        })
    }
}

/// The collector. The clock is the same in all containers, so this is the host's.
#[derive(Debug)]
pub(super) struct Timex;

impl Collector for Timex {
    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        write(out, &Answer::ask()?);
        Ok(())
    }
}

fn write(out: &mut Exposition<'_>, answer: &Answer) {
    for (name, help, kind, value) in FAMILIES {
        out.family(name, help, kind).sample(&[], value(answer));
    }
}

#[cfg(test)]
mod tests {
    use agent_core::testing::collect;
    use proptest::prelude::*;

    use super::*;

    struct Recorded(Answer);

    impl Collector for Recorded {
        fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
            write(out, &self.0);
            Ok(())
        }
    }

    #[test]
    fn the_unit_is_told_by_the_status() {
        let answer =
            Answer { status: 0x2001, offset: -1500, frequency: 65_536, tick: 10_000, ..Answer::default() };
        let (text, _) = collect(Recorded(answer));
        for line in [
            "sync_status 1",
            "offset_seconds -0.0000015",
            "frequency_adjustment_ratio 1.000001",
            "tick_seconds 0.01",
        ] {
            assert!(text.contains(&format!("\nnode_timex_{line}\n")), "{text}");
        }
        let coarse = Answer { offset: -1500, clock: TIME_ERROR, ..Answer::default() };
        let (text, _) = collect(Recorded(coarse));
        assert!(text.contains("\nnode_timex_offset_seconds -0.0015\n"), "{text}");
        assert!(text.contains("\nnode_timex_sync_status 0\n"), "{text}");
    }

    #[test]
    fn the_kernel_answers() {
        let (text, error) = collect(Timex);
        assert!(error.is_none() && text.matches("# TYPE node_timex_").count() == FAMILIES.len(), "{text}");
    }

    proptest! {
        #[test]
        fn nothing_panics(number: i64, status: i32) {
            let answer = Answer { status, offset: number, frequency: number, ..Answer::default() };
            for (.., value) in FAMILIES {
                value(&answer);
            }
        }
    }
}
