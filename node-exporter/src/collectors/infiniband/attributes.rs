//! What a port's files hold: its state, and counters of the standard (`counters`, before kernel 4.5 `counters_ext`)
//! and of the adapter (`hw_counters`).

use agent_core::exposition::Value;
use agent_core::read::{fields, parse_f64, parse_u64};

use crate::sysfs::{Attribute, milli, whole};

#[rustfmt::skip]
pub(super) const ATTRIBUTES: &[Attribute] = &[
    Attribute::gauge("state", "node_infiniband_state_id", "State of a port: 0 no change, 1 down, 2 starting, 3 armed, 4 active, 5 active but deferred.").parsed(state),
    Attribute::gauge("phys_state", "node_infiniband_physical_state_id", "State of a port's link: 0 no change, 1 asleep, 2 polling, 3 disabled, 4 training, 5 up, 6 recovering, 7 under test.").parsed(state),
    Attribute::gauge("rate", "node_infiniband_rate_bytes_per_second", "Highest rate of a port.").parsed(rate),
    Attribute::gauge("hw_counters/lifespan", "node_infiniband_lifespan_seconds", "Seconds for which the adapter may keep its counters before it counts anew.").parsed(milli),
    Attribute::counter("counters_ext/port_rcv_data_64", "node_infiniband_legacy_data_received_bytes_total", "Bytes received, on kernels before 4.5.").parsed(lanes),
    Attribute::counter("counters_ext/port_xmit_data_64", "node_infiniband_legacy_data_transmitted_bytes_total", "Bytes sent, on kernels before 4.5.").parsed(lanes),
    Attribute::counter("counters_ext/port_multicast_rcv_packets", "node_infiniband_legacy_multicast_packets_received_total", "Multicast packets received, on kernels before 4.5."),
    Attribute::counter("counters_ext/port_multicast_xmit_packets", "node_infiniband_legacy_multicast_packets_transmitted_total", "Multicast packets sent, on kernels before 4.5."),
    Attribute::counter("counters_ext/port_rcv_packets_64", "node_infiniband_legacy_packets_received_total", "Packets received, on kernels before 4.5."),
    Attribute::counter("counters_ext/port_xmit_packets_64", "node_infiniband_legacy_packets_transmitted_total", "Packets sent, on kernels before 4.5."),
    Attribute::counter("counters_ext/port_unicast_rcv_packets", "node_infiniband_legacy_unicast_packets_received_total", "Unicast packets received, on kernels before 4.5."),
    Attribute::counter("counters_ext/port_unicast_xmit_packets", "node_infiniband_legacy_unicast_packets_transmitted_total", "Unicast packets sent, on kernels before 4.5."),
    Attribute::counter("counters/excessive_buffer_overrun_errors", "node_infiniband_excessive_buffer_overrun_errors_total", "Overruns of the buffer that lasted too long."),
    Attribute::counter("counters/link_downed", "node_infiniband_link_downed_total", "Times that the link went down for good."),
    Attribute::counter("counters/link_error_recovery", "node_infiniband_link_error_recovery_total", "Times that the link recovered from an error."),
    Attribute::counter("counters/local_link_integrity_errors", "node_infiniband_local_link_integrity_errors_total", "Times that errors of the local link passed their limit."),
    Attribute::counter("counters/multicast_rcv_packets", "node_infiniband_multicast_packets_received_total", "Multicast packets received, bad ones included."),
    Attribute::counter("counters/multicast_xmit_packets", "node_infiniband_multicast_packets_transmitted_total", "Multicast packets sent, bad ones included."),
    Attribute::counter("counters/port_rcv_constraint_errors", "node_infiniband_port_constraint_errors_received_total", "Received packets that a switch port may not take."),
    Attribute::counter("counters/port_xmit_constraint_errors", "node_infiniband_port_constraint_errors_transmitted_total", "Packets that a switch port may not send."),
    Attribute::counter("counters/port_rcv_data", "node_infiniband_port_data_received_bytes_total", "Bytes received.").parsed(lanes),
    Attribute::counter("counters/port_xmit_data", "node_infiniband_port_data_transmitted_bytes_total", "Bytes sent.").parsed(lanes),
    Attribute::counter("counters/port_rcv_discards", "node_infiniband_port_discards_received_total", "Received packets dropped because the port was down or busy."),
    Attribute::counter("counters/port_xmit_discards", "node_infiniband_port_discards_transmitted_total", "Packets not sent because the port was down or busy."),
    Attribute::counter("counters/port_rcv_errors", "node_infiniband_port_errors_received_total", "Received packets with an error."),
    Attribute::counter("counters/port_rcv_packets", "node_infiniband_port_packets_received_total", "Packets received, bad ones included."),
    Attribute::counter("counters/port_xmit_packets", "node_infiniband_port_packets_transmitted_total", "Packets sent, bad ones included."),
    Attribute::counter("counters/port_rcv_remote_physical_errors", "node_infiniband_port_receive_remote_physical_errors_total", "Received packets that the other side marked as bad."),
    Attribute::counter("counters/port_rcv_switch_relay_errors", "node_infiniband_port_receive_switch_relay_errors_total", "Received packets that a switch could not pass on."),
    Attribute::counter("counters/port_xmit_wait", "node_infiniband_port_transmit_wait_total", "Ticks in which data waited and none was sent."),
    Attribute::counter("counters/symbol_error", "node_infiniband_symbol_error_total", "Small errors on the lanes of the link."),
    Attribute::counter("counters/unicast_rcv_packets", "node_infiniband_unicast_packets_received_total", "Unicast packets received, bad ones included."),
    Attribute::counter("counters/unicast_xmit_packets", "node_infiniband_unicast_packets_transmitted_total", "Unicast packets sent, bad ones included."),
    Attribute::counter("counters/VL15_dropped", "node_infiniband_vl15_dropped_total", "Management packets dropped for lack of room."),
    Attribute::counter("hw_counters/duplicate_request", "node_infiniband_duplicate_requests_packets_total", "Requests that had been served before."),
    Attribute::counter("hw_counters/implied_nak_seq_err", "node_infiniband_implied_nak_seq_errors_total", "Answers with a later number than the one waited for."),
    Attribute::counter("hw_counters/local_ack_timeout_err", "node_infiniband_local_ack_timeout_errors_total", "Times that an answer took too long."),
    Attribute::counter("hw_counters/np_cnp_sent", "node_infiniband_np_cnp_packets_sent_total", "Congestion notices sent."),
    Attribute::counter("hw_counters/np_ecn_marked_roce_packets", "node_infiniband_np_ecn_marked_roce_packets_received_total", "Received RoCE packets that are marked as having met congestion."),
    Attribute::counter("hw_counters/out_of_buffer", "node_infiniband_out_of_buffer_drops_total", "Packets dropped because no work request was left."),
    Attribute::counter("hw_counters/out_of_sequence", "node_infiniband_out_of_sequence_packets_received_total", "Packets received out of order."),
    Attribute::counter("hw_counters/packet_seq_err", "node_infiniband_packet_sequence_errors_total", "Answers that say a packet was out of order."),
    Attribute::counter("hw_counters/req_cqe_error", "node_infiniband_req_cqes_errors_total", "Requests that completed with an error."),
    Attribute::counter("hw_counters/req_cqe_flush_error", "node_infiniband_req_cqes_flush_errors_total", "Requests that were flushed with an error."),
    Attribute::counter("hw_counters/req_remote_access_errors", "node_infiniband_req_remote_access_errors_total", "Requests that the other side did not allow."),
    Attribute::counter("hw_counters/req_remote_invalid_request", "node_infiniband_req_remote_invalid_request_errors_total", "Requests that the other side found invalid."),
    Attribute::counter("hw_counters/resp_cqe_error", "node_infiniband_resp_cqes_errors_total", "Responses that completed with an error."),
    Attribute::counter("hw_counters/resp_cqe_flush_error", "node_infiniband_resp_cqes_flush_errors_total", "Responses that were flushed with an error."),
    Attribute::counter("hw_counters/resp_local_length_error", "node_infiniband_resp_local_length_errors_total", "Responses of the wrong length."),
    Attribute::counter("hw_counters/resp_remote_access_errors", "node_infiniband_resp_remote_access_errors_total", "Requests of the other side that were not allowed."),
    Attribute::counter("hw_counters/rnr_nak_retry_err", "node_infiniband_rnr_nak_retry_packets_received_total", "Answers that say the other side was not ready."),
    Attribute::counter("hw_counters/roce_adp_retrans", "node_infiniband_roce_adp_retransmits_total", "Adaptive retransmissions of RoCE packets."),
    Attribute::counter("hw_counters/roce_adp_retrans_to", "node_infiniband_roce_adp_retransmits_timeout_total", "Adaptive retransmissions of RoCE packets that took too long."),
    Attribute::counter("hw_counters/roce_slow_restart", "node_infiniband_roce_slow_restart_used_total", "Times that RoCE slow restart was used."),
    Attribute::counter("hw_counters/roce_slow_restart_cnps", "node_infiniband_roce_slow_restart_cnps_total", "Congestion notices that RoCE slow restart caused."),
    Attribute::counter("hw_counters/roce_slow_restart_trans", "node_infiniband_roce_slow_restart_total", "Times that RoCE slow restart changed its state."),
    Attribute::counter("hw_counters/rp_cnp_handled", "node_infiniband_rp_cnp_packets_handled_total", "Congestion notices that slowed down sending."),
    Attribute::counter("hw_counters/rp_cnp_ignored", "node_infiniband_rp_cnp_ignored_packets_received_total", "Congestion notices that were ignored."),
    Attribute::counter("hw_counters/rx_atomic_requests", "node_infiniband_rx_atomic_requests_total", "Atomic requests received."),
    Attribute::counter("hw_counters/rx_dct_connect", "node_infiniband_rx_dct_connect_requests_total", "Connection requests received."),
    Attribute::counter("hw_counters/rx_icrc_encapsulated", "node_infiniband_rx_icrc_encapsulated_errors_total", "RoCE packets whose checksum was wrong."),
    Attribute::counter("hw_counters/rx_read_requests", "node_infiniband_rx_read_requests_total", "Read requests received."),
    Attribute::counter("hw_counters/rx_write_requests", "node_infiniband_rx_write_requests_total", "Write requests received."),
];

/// Bytes are counted per lane, and a port has four.
fn lanes(text: &[u8]) -> Option<Value> {
    match whole(text)? {
        Value::Unsigned(count) => Some(Value::Unsigned(count.wrapping_mul(4))),
        Value::Signed(_) | Value::Float(_) => None,
    }
}

/// `4: ACTIVE`
fn state(text: &[u8]) -> Option<Value> {
    parse_u64(text.split(|byte| *byte == b':').next()?.trim_ascii()).map(Value::Unsigned)
}

/// `2.5 Gb/sec (1X SDR)`
fn rate(text: &[u8]) -> Option<Value> {
    const BYTES_PER_GIGABIT: f64 = 125e6;
    let gigabits = parse_f64(fields(text).next()?)?;
    Some(Value::Float((gigabits * BYTES_PER_GIGABIT).trunc()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn texts_become_numbers() {
        assert_eq!(state(b"5: LinkUp"), Some(Value::Unsigned(5)));
        assert_eq!(rate(b"40 Gb/sec (4X QDR)"), Some(Value::Float(5e9)));
        assert_eq!((state(b"ACTIVE"), rate(b""), lanes(b"-1")), (None, None, None));
    }

    proptest! {
        #[test]
        fn nothing_panics(text: Vec<u8>, odd in "[0-9.: G]{0,20}") {
            for text in [text.as_slice(), odd.as_bytes()] {
                for attribute in ATTRIBUTES {
                    (attribute.parse)(text);
                }
            }
        }
    }
}
