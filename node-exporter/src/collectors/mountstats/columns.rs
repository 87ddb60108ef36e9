//! The families of `mountstats`, by what they are about.

use agent_core::exposition::Value;

use crate::table::Column;

/// Numbers of a mount.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    pub(super) age: Option<u64>,
    pub(super) bytes: [Option<u64>; 8],
    pub(super) events: [Option<u64>; 27],
}

/// The numbers of a connection to the server, in the order of TCP's: port, bind, connect, connect time, idle time,
/// sent, received, bad IDs, requests, backlog, most slots, sending queue, pending queue.
pub(super) type Transport = [Option<u64>; 13];

/// The numbers of an operation: requests, transmissions, timeouts, bytes sent and received, then milliseconds in the
/// queue, until the answer, and in all.
pub(super) type Operation = [Option<u64>; 8];

#[rustfmt::skip]
pub(super) const MOUNT: &[Column<Numbers>] = &[
    Column::counter("node_mountstats_nfs_age_seconds_total", "Seconds since the file system was mounted.", |n| Some(n.age?.into())),
    Column::counter("node_mountstats_nfs_read_bytes_total", "Bytes that applications read.", |n| plain(&n.bytes, 0)),
    Column::counter("node_mountstats_nfs_write_bytes_total", "Bytes that applications wrote.", |n| plain(&n.bytes, 1)),
    Column::counter("node_mountstats_nfs_direct_read_bytes_total", "Bytes that applications read past the cache.", |n| plain(&n.bytes, 2)),
    Column::counter("node_mountstats_nfs_direct_write_bytes_total", "Bytes that applications wrote past the cache.", |n| plain(&n.bytes, 3)),
    Column::counter("node_mountstats_nfs_total_read_bytes_total", "Bytes that were read from the server.", |n| plain(&n.bytes, 4)),
    Column::counter("node_mountstats_nfs_total_write_bytes_total", "Bytes that were written to the server.", |n| plain(&n.bytes, 5)),
    Column::counter("node_mountstats_nfs_read_pages_total", "Pages that were read by mmap.", |n| plain(&n.bytes, 6)),
    Column::counter("node_mountstats_nfs_write_pages_total", "Pages that were written by mmap.", |n| plain(&n.bytes, 7)),
    Column::counter("node_mountstats_nfs_event_inode_revalidate_total", "Times that cached attributes of an inode were checked.", |n| plain(&n.events, 0)),
    Column::counter("node_mountstats_nfs_event_dnode_revalidate_total", "Times that a cached directory entry was checked.", |n| plain(&n.events, 1)),
    Column::counter("node_mountstats_nfs_event_data_invalidate_total", "Times that the cached content of an inode was thrown away.", |n| plain(&n.events, 2)),
    Column::counter("node_mountstats_nfs_event_attribute_invalidate_total", "Times that the cached attributes of an inode were thrown away.", |n| plain(&n.events, 3)),
    Column::counter("node_mountstats_nfs_event_vfs_open_total", "Files opened.", |n| plain(&n.events, 4)),
    Column::counter("node_mountstats_nfs_event_vfs_lookup_total", "Names looked up in directories.", |n| plain(&n.events, 5)),
    Column::counter("node_mountstats_nfs_event_vfs_access_total", "Permissions checked.", |n| plain(&n.events, 6)),
    Column::counter("node_mountstats_nfs_event_vfs_update_page_total", "Pages changed, or begun to be changed.", |n| plain(&n.events, 7)),
    Column::counter("node_mountstats_nfs_event_vfs_read_page_total", "Pages read one by one.", |n| plain(&n.events, 8)),
    Column::counter("node_mountstats_nfs_event_vfs_read_pages_total", "Groups of pages read.", |n| plain(&n.events, 9)),
    Column::counter("node_mountstats_nfs_event_vfs_write_page_total", "Pages written one by one.", |n| plain(&n.events, 10)),
    Column::counter("node_mountstats_nfs_event_vfs_write_pages_total", "Groups of pages written.", |n| plain(&n.events, 11)),
    Column::counter("node_mountstats_nfs_event_vfs_getdents_total", "Directories read.", |n| plain(&n.events, 12)),
    Column::counter("node_mountstats_nfs_event_vfs_setattr_total", "Attributes set.", |n| plain(&n.events, 13)),
    Column::counter("node_mountstats_nfs_event_vfs_flush_total", "Times that pending writes were asked to be sent.", |n| plain(&n.events, 14)),
    Column::counter("node_mountstats_nfs_event_vfs_fsync_total", "Files and directories synchronised.", |n| plain(&n.events, 15)),
    Column::counter("node_mountstats_nfs_event_vfs_lock_total", "Files asked to be locked.", |n| plain(&n.events, 16)),
    Column::counter("node_mountstats_nfs_event_vfs_file_release_total", "Files closed.", |n| plain(&n.events, 17)),
    Column::counter("node_mountstats_nfs_event_truncation_total", "Files truncated.", |n| plain(&n.events, 19)),
    Column::counter("node_mountstats_nfs_event_write_extension_total", "Files that grew by being written behind their end.", |n| plain(&n.events, 20)),
    Column::counter("node_mountstats_nfs_event_silly_rename_total", "Files removed while they were open.", |n| plain(&n.events, 21)),
    Column::counter("node_mountstats_nfs_event_short_read_total", "Answers with fewer bytes than were asked for.", |n| plain(&n.events, 22)),
    Column::counter("node_mountstats_nfs_event_short_write_total", "Writes of which the server took fewer bytes than were sent.", |n| plain(&n.events, 23)),
    Column::counter("node_mountstats_nfs_event_jukebox_delay_total", "Times that the server said that the data is in slow storage.", |n| plain(&n.events, 24)),
    Column::counter("node_mountstats_nfs_event_pnfs_read_total", "Reads by pNFS.", |n| plain(&n.events, 25)),
    Column::counter("node_mountstats_nfs_event_pnfs_write_total", "Writes by pNFS.", |n| plain(&n.events, 26)),
];

#[rustfmt::skip]
pub(super) const TRANSPORT: &[Column<Transport>] = &[
    Column::counter("node_mountstats_nfs_transport_bind_total", "Times that a port was bound.", |t| plain(t, 1)),
    Column::counter("node_mountstats_nfs_transport_connect_total", "Times that a connection was made.", |t| plain(t, 2)),
    Column::gauge("node_mountstats_nfs_transport_idle_time_seconds", "Seconds since the connection was last used.", |t| wrapped(t, 4)),
    Column::counter("node_mountstats_nfs_transport_sends_total", "Requests sent.", |t| plain(t, 5)),
    Column::counter("node_mountstats_nfs_transport_receives_total", "Answers received.", |t| plain(t, 6)),
    Column::counter("node_mountstats_nfs_transport_bad_transaction_ids_total", "Answers to no request of ours.", |t| plain(t, 7)),
    Column::counter("node_mountstats_nfs_transport_backlog_queue_total", "Requests that waited for a free slot, summed.", |t| plain(t, 9)),
    Column::gauge("node_mountstats_nfs_transport_maximum_rpc_slots", "Most slots that were in use at once.", |t| plain(t, 10)),
    Column::counter("node_mountstats_nfs_transport_sending_queue_total", "Requests that waited to be sent, summed.", |t| plain(t, 11)),
    Column::counter("node_mountstats_nfs_transport_pending_queue_total", "Requests that waited for their answer, summed.", |t| plain(t, 12)),
];

#[rustfmt::skip]
pub(super) const OPERATION: &[Column<Operation>] = &[
    Column::counter("node_mountstats_nfs_operations_requests_total", "Requests of an operation.", |o| plain(o, 0)),
    Column::counter("node_mountstats_nfs_operations_transmissions_total", "Times that requests of an operation were sent.", |o| plain(o, 1)),
    Column::counter("node_mountstats_nfs_operations_major_timeouts_total", "Times that requests of an operation timed out.", |o| plain(o, 2)),
    Column::counter("node_mountstats_nfs_operations_sent_bytes_total", "Bytes sent for an operation.", |o| plain(o, 3)),
    Column::counter("node_mountstats_nfs_operations_received_bytes_total", "Bytes received for an operation.", |o| plain(o, 4)),
    Column::counter("node_mountstats_nfs_operations_queue_time_seconds_total", "Seconds that requests of an operation waited to be sent.", |o| seconds(o, 5)),
    Column::counter("node_mountstats_nfs_operations_response_time_seconds_total", "Seconds until requests of an operation were answered.", |o| seconds(o, 6)),
    Column::counter("node_mountstats_nfs_operations_request_time_seconds_total", "Seconds that requests of an operation took in all.", |o| seconds(o, 7)),
];

fn plain(numbers: &[Option<u64>], index: usize) -> Option<Value> {
    numbers.get(index).copied().flatten().map(Value::from)
}

/// Times can fall below zero in the kernel, and wrap around; of those node_exporter keeps the low 53 bits.
fn wrap(number: u64) -> u64 {
    number & ((1 << 53) - 1)
}

fn wrapped(numbers: &[Option<u64>], index: usize) -> Option<Value> {
    Some(wrap(numbers.get(index).copied().flatten()?).into())
}

fn seconds(milliseconds: &[Option<u64>], index: usize) -> Option<Value> {
    let milliseconds = wrap(milliseconds.get(index).copied().flatten()?);
    Some((milliseconds as f64 / 1000.0).into())
}
