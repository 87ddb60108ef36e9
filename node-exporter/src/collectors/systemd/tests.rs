use agent_core::testing::collect;
use proptest::prelude::*;

use super::*;
use crate::bus::fake::FakeBus;

const RECORDED: &str = include_str!("../../../tests/fixtures/bus/systemd.txt");

fn filter(include: &str, exclude: &str) -> Filter {
    let whole = |pattern| Regex::new(&format!("^(?:{pattern})$")).ok();
    Filter { include: whole(include), exclude: whole(exclude) }
}

fn settings() -> Settings {
    Settings { units: filter(".+", ".+\\.(automount|device|mount|scope|slice)"), ..Settings::default() }
}

fn everything() -> Settings {
    Settings { units: filter(".+", ""), tasks: true, restarts: true, start_times: true }
}

fn collected(settings: Settings) -> String {
    collected_from(RECORDED, settings)
}

fn collected_from(recording: &str, settings: Settings) -> String {
    let bus = FakeBus::recorded(recording);
    let (text, error) = collect(Systemd { bus: bus.bus(), settings });
    assert!(error.is_none(), "{error:?}");
    text
}

fn assert_lines(text: &str, lines: &[&str]) {
    for line in lines {
        assert!(text.contains(&format!("\n{line}\n")), "{line}\nis missing in\n{text}");
    }
}

#[test]
fn the_manager_and_the_sum_of_units() {
    let text = collected(settings());
    assert_lines(
        &text,
        &[
            "node_systemd_version{version=\"262.1-1\"} 262.1",
            "node_systemd_virtualization_info{virtualization_type=\"qemu\"} 1",
            "node_systemd_system_running 0",
            "node_systemd_units{state=\"active\"} 14",
            "node_systemd_units{state=\"activating\"} 0",
            "node_systemd_units{state=\"inactive\"} 2",
            "node_systemd_units{state=\"failed\"} 1",
        ],
    );
    let other = RECORDED
        .replacen("\"loaded\" \"active\"", "\"loaded\" \"maintenance\"", 1)
        .replace("\"qemu\"", "\"\"");
    let text = collected_from(&other.replace("\"degraded\"", "\"running\""), settings());
    assert_lines(
        &text,
        &[
            "node_systemd_units{state=\"active\"} 13",
            "node_systemd_units{state=\"maintenance\"} 1",
            "node_systemd_virtualization_info{virtualization_type=\"none\"} 1",
            "node_systemd_system_running 1",
        ],
    );
}

#[test]
fn units_have_their_state_and_type() {
    let text = collected(settings());
    assert_lines(
        &text,
        &[
            "node_systemd_unit_state{name=\"vm-limited.service\",state=\"active\",type=\"exec\"} 1",
            "node_systemd_unit_state{name=\"vm-limited.service\",state=\"failed\",type=\"exec\"} 0",
            "node_systemd_unit_state{name=\"vm-restarts.service\",state=\"failed\",type=\"simple\"} 1",
            "node_systemd_unit_state{name=\"vm-a\\\\x2db.timer\",state=\"active\",type=\"\"} 1",
            "node_systemd_timer_last_trigger_seconds{name=\"systemd-tmpfiles-clean.timer\"} 0",
            "node_systemd_socket_accepted_connections_total{name=\"vm.socket\"} 1",
            "node_systemd_socket_current_connections{name=\"vm.socket\"} 1",
            "# TYPE node_systemd_socket_refused_connections_total gauge",
            "node_systemd_socket_refused_connections_total{name=\"vm.socket\"} 1",
        ],
    );
    let trigger = "\nnode_systemd_timer_last_trigger_seconds{name=\"vm-oneshot.timer\"} 17";
    assert!(text.contains(trigger), "{text}");
    for absent in
        ["-.mount", "-.slice", "init.scope", "nothing.service", "unit_tasks", "restart_total", "start_time"]
    {
        assert!(!text.contains(absent), "{absent}\n{text}");
    }
    // 13 of the 17 are loaded and neither mount, slice nor scope.
    assert_eq!(text.matches("node_systemd_unit_state{").count(), 13 * 5);
}

#[test]
fn flags_add_families() {
    let text = collected(everything());
    assert_lines(
        &text,
        &[
            "node_systemd_unit_state{name=\"-.mount\",state=\"active\",type=\"ext4\"} 1",
            "# TYPE node_systemd_service_restart_total counter",
            "node_systemd_service_restart_total{name=\"vm-restarts.service\"} 3",
            "node_systemd_unit_tasks_current{name=\"vm-limited.service\"} 1",
            "node_systemd_unit_tasks_max{name=\"vm-limited.service\"} 7",
            "node_systemd_unit_start_time_seconds{name=\"vm-restarts.service\"} 0",
        ],
    );
    // Where the number is not known there is none.
    assert!(!text.contains("tasks_current{name=\"vm-oneshot.service\"}"), "{text}");
    assert_eq!(text.matches("node_systemd_unit_start_time_seconds{").count(), 16);
}

#[test]
fn patterns_take_whole_names() {
    let names = |include, exclude| {
        let text = collected(Settings { units: filter(include, exclude), ..Settings::default() });
        text.matches("state=\"failed\",type").count()
    };
    assert_eq!(names("vm", ""), 0);
    assert_eq!(names("vm.*", ""), 6);
    assert_eq!(names("vm.*|dbus.socket", "vm"), 7);
    assert_eq!(names("vm.*", ".*\\.(timer|socket)"), 3);
}

#[test]
fn a_unit_that_vanishes_costs_only_its_own_series() {
    let left = |line: &&str| !line.contains("/vm_2dlimited_2eservice ");
    let recording: Vec<_> = RECORDED.lines().filter(left).collect();
    let text = collected_from(&recording.join("\n"), everything());
    let without: String = collected(everything())
        .lines()
        .filter(|line| !line.contains("vm-limited.service"))
        .flat_map(|line| [line, "\n"])
        .collect();
    assert_eq!(text, without);
}

#[test]
fn versions_are_numbers() {
    for (version, number) in [
        ("252.39-1~deb12u1", Some(252.39)),
        ("v258", Some(258.0)),
        ("257~rc1-1", Some(257.0)),
        ("systemd 219", Some(219.0)),
        ("1.2.257.", Some(257.0)),
        ("24", None),
        ("", None),
    ] {
        assert_eq!(parse_version(version), number, "{version}");
    }
}

proptest! {
    #[test]
    fn versions_never_panic(version: String, whole in 100_u32..100_000, decimals in 0_u32..1000) {
        parse_version(&version);
        prop_assert_eq!(parse_version(&format!("v{whole}.{decimals}-1")), format!("{whole}.{decimals}").parse().ok());
    }
}

#[test]
fn a_bus_without_systemd_is_no_data() {
    let bus = FakeBus::recorded("");
    let (text, error) = collect(Systemd { bus: bus.bus(), settings: settings() });
    assert!(matches!(error, Some(CollectError::NoData(_))), "{error:?}");
    assert_eq!(text, "");
}
