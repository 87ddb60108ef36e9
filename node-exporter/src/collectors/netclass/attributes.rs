//! The attributes of a network device: when they can change, and what they look like.

use agent_core::read::{parse_u64, text};

/// When an attribute of a device can have another value than before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Changes {
    /// At any time.
    Always,
    /// Only when the link came or went, which the kernel counts, or the device was taken up or down, which its flags
    /// tell.
    WithLink,
    /// Never while the device exists.
    Never,
}

/// Numbers of a device, and their place in what is kept of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Number {
    Flags,
    CarrierChanges,
    Carrier,
    CarrierUp,
    CarrierDown,
    AddressAssignType,
    DeviceId,
    Dormant,
    Index,
    Link,
    LinkMode,
    Mtu,
    NameAssignType,
    Group,
    Speed,
    QueueLength,
    Type,
}

/// Words of a device, and their place in what is kept of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    State,
    Address,
    Broadcast,
    Duplex,
    Alias,
}

/// File, meaning, and when it changes. What others depend on comes first.
#[rustfmt::skip]
pub(super) const NUMBERS: [(&str, Number, Changes); 17] = [
    ("flags", Number::Flags, Changes::Always),
    ("carrier_changes", Number::CarrierChanges, Changes::Always),
    ("carrier", Number::Carrier, Changes::WithLink),
    ("carrier_up_count", Number::CarrierUp, Changes::WithLink),
    ("carrier_down_count", Number::CarrierDown, Changes::WithLink),
    ("addr_assign_type", Number::AddressAssignType, Changes::Always),
    ("dev_id", Number::DeviceId, Changes::Never),
    ("dormant", Number::Dormant, Changes::Always),
    ("ifindex", Number::Index, Changes::Never),
    ("iflink", Number::Link, Changes::Always),
    ("link_mode", Number::LinkMode, Changes::Always),
    ("mtu", Number::Mtu, Changes::Always),
    ("name_assign_type", Number::NameAssignType, Changes::Never),
    ("netdev_group", Number::Group, Changes::Always),
    ("speed", Number::Speed, Changes::Always),
    ("tx_queue_len", Number::QueueLength, Changes::Always),
    ("type", Number::Type, Changes::WithLink),
];

/// The same for words.
pub(super) const WORDS: [(&str, Word, Changes); 5] = [
    ("operstate", Word::State, Changes::Always),
    ("address", Word::Address, Changes::Always),
    ("broadcast", Word::Broadcast, Changes::WithLink),
    ("duplex", Word::Duplex, Changes::Always),
    ("ifalias", Word::Alias, Changes::Always),
];

/// A decimal number, which may be negative, or a hexadecimal one with `0x`.
pub(super) fn parse_number(content: &[u8]) -> Option<i64> {
    let content = content.trim_ascii();
    if let Some(digits) = content.strip_prefix(b"0x") {
        return i64::from_str_radix(text(digits)?, 16).ok();
    }
    match content.strip_prefix(b"-") {
        Some(digits) => 0_i64.checked_sub_unsigned(parse_u64(digits)?),
        None => i64::try_from(parse_u64(content)?).ok(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_place_is_taken_once() {
        assert!(NUMBERS.iter().enumerate().all(|(place, (_, number, _))| *number as usize == place));
        assert!(WORDS.iter().enumerate().all(|(place, (_, word, _))| *word as usize == place));
    }

    proptest! {
        #[test]
        fn numbers_round_trip(number: i64) {
            prop_assert_eq!(parse_number(format!("{number}\n").as_bytes()), Some(number));
        }

        #[test]
        fn hexadecimal_numbers_round_trip(number: u32) {
            prop_assert_eq!(parse_number(format!("{number:#x}\n").as_bytes()), Some(i64::from(number)));
        }

        #[test]
        fn nothing_panics(content: Vec<u8>, odd in "(0x|-|[0-9a-f]){0,24}") {
            parse_number(&content);
            parse_number(odd.as_bytes());
        }
    }
}
