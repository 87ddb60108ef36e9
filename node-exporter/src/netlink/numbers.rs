//! The kernel's numbers for questions and answers over netlink: one home for all collectors that ask.
//!
//! They come from the kernel's headers by `linux-raw-sys`; those that it lacks are written out.

#![expect(missing_docs, reason = "each is the kernel's, whose headers describe it")]

use linux_raw_sys::netlink as raw;

/// Kinds and flags of all messages.
#[expect(clippy::cast_possible_truncation, reason = "the header has 16 bits for each")]
pub mod message {
    use super::raw;

    pub const REQUEST: u16 = raw::NLM_F_REQUEST as u16;
    pub const DUMP: u16 = raw::NLM_F_DUMP as u16;
    pub const ERROR: u16 = raw::NLMSG_ERROR as u16;
    pub const DONE: u16 = raw::NLMSG_DONE as u16;
}

/// What is asked by rtnetlink.
pub mod route {
    use super::raw;

    pub const GET_LINK: u16 = raw::RTM_GETLINK as u16;
    pub const GET_ADDRESS: u16 = raw::RTM_GETADDR as u16;
    pub const GET_ROUTE: u16 = raw::RTM_GETROUTE as u16;
    pub const GET_QDISC: u16 = raw::RTM_GETQDISC as u16;
}

/// Attributes of network devices (`IFLA_*`).
pub mod link {
    use super::raw;

    pub const NAME: u16 = raw::IFLA_IFNAME as u16;
    pub const STATS: u16 = raw::IFLA_STATS64 as u16;
}

/// Attributes of addresses (`IFA_*`).
pub mod address {
    use super::raw;

    pub const OF_PEER: u16 = raw::IFA_ADDRESS as u16;
    pub const OF_OURS: u16 = raw::IFA_LOCAL as u16;
}

/// Attributes of routes (`RTA_*`).
pub mod routes {
    use super::raw;
    use super::raw::rtattr_type_t as rta;

    /// Routes to other machines; the others are local, broadcast, multicast, unreachable …
    pub const UNICAST: u8 = raw::RTN_UNICAST as u8;
    pub const DESTINATION: u16 = rta::RTA_DST as u16;
    pub const DEVICE: u16 = rta::RTA_OIF as u16;
    pub const GATEWAY: u16 = rta::RTA_GATEWAY as u16;
    pub const PRIORITY: u16 = rta::RTA_PRIORITY as u16;
    pub const SOURCE: u16 = rta::RTA_PREFSRC as u16;
    pub const MULTIPATH: u16 = rta::RTA_MULTIPATH as u16;
}

/// Attributes of queueing disciplines (`TCA_*`; the statistics are those of `gen_stats.h`).
pub mod qdisc {
    use super::raw;

    pub const KIND: u16 = raw::TCA_KIND as u16;
    pub const STATISTICS: u16 = raw::TCA_STATS2 as u16;
    pub const BASIC: u16 = 1;
    pub const QUEUE: u16 = 3;
    /// Packets as 64 bits, where a kernel has more than fits into the 32 of `BASIC`.
    pub const PACKETS: u16 = 8;
}

/// Families of generic netlink (`genetlink.h`).
pub mod generic {
    /// The family that tells of the others.
    pub const CONTROL: u16 = 16;
    pub const GET_FAMILY: u8 = 3;
    pub const FAMILY_NUMBER: u16 = 1;
    pub const FAMILY_NAME: u16 = 2;
}

/// Wireless networks (`nl80211.h`).
pub mod nl80211 {
    use super::raw;
    use super::raw::nl80211_attrs as attribute;
    use super::raw::nl80211_bss as bss;
    use super::raw::nl80211_commands as command;
    use super::raw::nl80211_rate_info as rate;
    use super::raw::nl80211_sta_info as station;

    pub const GET_INTERFACE: u8 = command::NL80211_CMD_GET_INTERFACE as u8;
    pub const GET_STATION: u8 = command::NL80211_CMD_GET_STATION as u8;
    pub const GET_SCAN: u8 = command::NL80211_CMD_GET_SCAN as u8;

    pub const DEVICE: u16 = attribute::NL80211_ATTR_IFINDEX as u16;
    pub const DEVICE_NAME: u16 = attribute::NL80211_ATTR_IFNAME as u16;
    pub const ADDRESS: u16 = attribute::NL80211_ATTR_MAC as u16;
    pub const FREQUENCY: u16 = attribute::NL80211_ATTR_WIPHY_FREQ as u16;
    pub const NETWORK: u16 = attribute::NL80211_ATTR_BSS as u16;
    pub const STATION: u16 = attribute::NL80211_ATTR_STA_INFO as u16;

    pub const BSSID: u16 = bss::NL80211_BSS_BSSID as u16;
    pub const ELEMENTS: u16 = bss::NL80211_BSS_INFORMATION_ELEMENTS as u16;
    pub const STATUS: u16 = bss::NL80211_BSS_STATUS as u16;
    pub const AUTHENTICATED: u32 = raw::nl80211_bss_status::NL80211_BSS_STATUS_AUTHENTICATED as u32;
    pub const ASSOCIATED: u32 = raw::nl80211_bss_status::NL80211_BSS_STATUS_ASSOCIATED as u32;
    pub const IBSS_JOINED: u32 = raw::nl80211_bss_status::NL80211_BSS_STATUS_IBSS_JOINED as u32;

    pub const INACTIVE: u16 = station::NL80211_STA_INFO_INACTIVE_TIME as u16;
    pub const CONNECTED: u16 = station::NL80211_STA_INFO_CONNECTED_TIME as u16;
    pub const RECEIVED_BYTES_32: u16 = station::NL80211_STA_INFO_RX_BYTES as u16;
    pub const RECEIVED_BYTES: u16 = station::NL80211_STA_INFO_RX_BYTES64 as u16;
    pub const SENT_BYTES_32: u16 = station::NL80211_STA_INFO_TX_BYTES as u16;
    pub const SENT_BYTES: u16 = station::NL80211_STA_INFO_TX_BYTES64 as u16;
    pub const RECEIVED_PACKETS: u16 = station::NL80211_STA_INFO_RX_PACKETS as u16;
    pub const SENT_PACKETS: u16 = station::NL80211_STA_INFO_TX_PACKETS as u16;
    pub const SIGNAL: u16 = station::NL80211_STA_INFO_SIGNAL as u16;
    pub const RETRIES: u16 = station::NL80211_STA_INFO_TX_RETRIES as u16;
    pub const FAILED: u16 = station::NL80211_STA_INFO_TX_FAILED as u16;
    pub const BEACON_LOSS: u16 = station::NL80211_STA_INFO_BEACON_LOSS as u16;
    pub const RECEIVE_RATE: u16 = station::NL80211_STA_INFO_RX_BITRATE as u16;
    pub const SEND_RATE: u16 = station::NL80211_STA_INFO_TX_BITRATE as u16;
    pub const RATE_16: u16 = rate::NL80211_RATE_INFO_BITRATE as u16;
    pub const RATE_32: u16 = rate::NL80211_RATE_INFO_BITRATE32 as u16;
}

/// What network devices can do (`ethtool_netlink.h`).
pub mod ethtool {
    pub const GET_LINK_MODES: u8 = 4;
    pub const HEADER: u16 = 1;
    pub const DEVICE_NAME: u16 = 2;
    pub const AUTONEGOTIATION: u16 = 2;
    pub const OUR_MODES: u16 = 3;
    /// The list in a set of bits; each bit has a name, and is set or not.
    pub const BITS: u16 = 3;
    pub const BIT: u16 = 1;
    pub const BIT_NAME: u16 = 2;
    pub const BIT_IS_SET: u16 = 3;
}
