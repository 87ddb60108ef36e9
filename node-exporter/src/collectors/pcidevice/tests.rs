use std::os::unix::fs::symlink;

use agent_core::testing::{FakeRoot, collect};
use proptest::prelude::*;

use super::*;
use crate::host::fake;

fn root() -> FakeRoot {
    let root = FakeRoot::new();
    for (place, file, content) in [
        ("0000:00:02.1", "class", "0x060400"),
        ("0000:00:02.1", "numa_node", "-1"),
        ("0000:00:02.1/0000:01:00.0", "class", "0x010802"),
        ("0000:00:02.1/0000:01:00.0", "vendor", "0xc0a9"),
        ("0000:00:02.1/0000:01:00.0", "numa_node", "1"),
        ("0000:00:02.1/0000:01:00.0", "current_link_speed", "8.0 GT/s PCIe"),
        ("0000:00:02.1/0000:01:00.0", "max_link_speed", "Unknown"),
        ("0000:00:02.1/0000:01:00.0", "power_state", "D3hot"),
    ] {
        root.file(format!("sys/devices/pci0000:00/{place}/{file}"), format!("{content}\n"));
    }
    let folder = root.path().join("sys/bus/pci/devices");
    fs::create_dir_all(&folder).unwrap();
    let devices = "../../../devices/pci0000:00/0000:00:02.1";
    symlink(devices, folder.join("0000:00:02.1")).unwrap();
    symlink(format!("{devices}/0000:01:00.0"), folder.join("0000:01:00.0")).unwrap();
    root
}

#[test]
fn devices_and_their_links() {
    let (text, error) = collect(Pcidevice::new(&fake::host(&root()), None));
    assert!(error.is_none(), "{error:?}");
    let place = "segment=\"0000\",bus=\"01\",device=\"00\",function=\"0\"";
    for line in [
        format!(
            "node_pcidevice_info{{{place},parent_segment=\"0000\",parent_bus=\"00\",parent_device=\"02\",\
             parent_function=\"1\",class_id=\"0x010802\",vendor_id=\"0xc0a9\",device_id=\"\",\
             subsystem_vendor_id=\"\",subsystem_device_id=\"\",revision=\"\"}} 1"
        ),
        format!("node_pcidevice_current_link_transfers_per_second{{{place}}} 8000000000"),
        format!("node_pcidevice_max_link_transfers_per_second{{{place}}} -1"),
        format!("node_pcidevice_sriov_numvfs{{{place}}} 0"),
        format!("node_pcidevice_numa_node{{{place}}} 1"),
        format!("node_pcidevice_power_state{{{place},state=\"D3hot\"}} 1"),
        format!("node_pcidevice_power_state{{{place},state=\"D0\"}} 0"),
    ] {
        assert!(text.contains(&format!("{line}\n")), "{text}");
    }
    assert!(text.contains("function=\"1\",parent_segment=\"*\",parent_bus=\"*\""), "{text}");
    assert_eq!(text.matches("node_pcidevice_numa_node{").count(), 1);
    assert_eq!(text.matches("node_pcidevice_power_state{").count(), 7);
}

#[test]
fn names_where_they_are_wanted() {
    let root = root();
    root.file("root/usr/share/hwdata/pci.ids", "c0a9  Micron/Crucial Technology\n");
    let (text, _) = collect(Pcidevice::new(&fake::host(&root), Some(Path::new(""))));
    assert!(text.contains(",vendor_name=\"Micron/Crucial Technology\",device_name=\"\","), "{text}");
}

#[test]
fn a_machine_without_it_is_no_fault() {
    let (_, error) = collect(Pcidevice::new(&fake::host(&FakeRoot::new()), None));
    assert!(matches!(error, Some(CollectError::NoData(_))));
}

proptest! {
    #[test]
    fn nothing_panics(text: Vec<u8>, name: String, odd in "[0-9a-f:.]{0,20}") {
        parse_place(&name);
        parse_place(&odd);
        for column in COLUMNS {
            (column.parse)(&text);
        }
    }
}
