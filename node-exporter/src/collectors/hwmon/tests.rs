use std::os::unix::fs::symlink;
use std::sync::Mutex;

use agent_core::testing::{FakeRoot, collect};
use regex_lite::Regex;

use super::*;
use crate::host::fake;

fn hwmon(root: &FakeRoot, sensors: Filter) -> Hwmon {
    Hwmon::new(&fake::host(root), Filter::default(), sensors)
}

fn root() -> FakeRoot {
    let root = FakeRoot::new();
    let device = "sys/devices/platform/coretemp.0";
    for (file, content) in [
        ("name", "coretemp"),
        ("temp1_input", "38500"),
        ("temp1_label", "Package id 0"),
        ("temp1_crit_alarm", "0"),
        ("temp2_input", "no"),
        ("power/control", "auto"),
        ("beep_enable", "1"),
    ] {
        root.file(format!("{device}/hwmon/hwmon0/{file}"), format!("{content}\n"));
    }
    root.file(format!("{device}/fan1_input"), "1000\n");
    let chip = root.path().join(device).join("hwmon/hwmon0");
    symlink("../../../coretemp.0", chip.join("device")).unwrap();
    std::fs::create_dir_all(root.path().join("sys/class/hwmon")).unwrap();
    symlink(chip, root.path().join("sys/class/hwmon/hwmon0")).unwrap();
    root
}

fn samples(text: &str) -> Vec<&str> {
    text.lines().filter(|line| !line.starts_with('#')).collect()
}

#[test]
fn sensors_of_a_chip() {
    let (text, error) = collect(hwmon(&root(), Filter::default()));
    assert!(error.is_none(), "{error:?}");
    assert_eq!(
        samples(&text),
        [
            "node_hwmon_chip_names{chip=\"platform_coretemp_0\",chip_name=\"coretemp\"} 1",
            "node_hwmon_sensor_label{chip=\"platform_coretemp_0\",label=\"Package id 0\",sensor=\"temp1\"} 1",
            "node_hwmon_beep_enabled{chip=\"platform_coretemp_0\",sensor=\"beep_enable0\"} 1",
            "node_hwmon_fan_rpm{chip=\"platform_coretemp_0\",sensor=\"fan1\"} 1000",
            "node_hwmon_temp_celsius{chip=\"platform_coretemp_0\",sensor=\"temp1\"} 38.5",
            "node_hwmon_temp_crit_alarm_celsius{chip=\"platform_coretemp_0\",sensor=\"temp1\"} 0",
        ]
    );
}

#[test]
fn sensors_are_chosen_with_their_chip() {
    let exclude = Regex::new("^platform_coretemp_0;(fan|beep)").ok();
    let (text, _) = collect(hwmon(&root(), Filter { exclude, include: None }));
    assert!(!text.contains("fan") && !text.contains("beep") && text.contains("temp1"), "{text}");
}

#[test]
fn chips_of_one_device_are_told_apart() {
    let root = FakeRoot::new();
    let device = root.path().join("sys/devices/platform/asus-nb-wmi");
    for (chip, name) in
        [("hwmon0", "asus"), ("hwmon1", "Fan curve"), ("hwmon2", "coretemp"), ("hwmon3", "coretemp")]
    {
        root.file(format!("sys/class/hwmon/{chip}/name"), format!("{name}\n"));
        root.file(format!("sys/class/hwmon/{chip}/pwm1_enable"), "2\n");
    }
    std::fs::create_dir_all(&device).unwrap();
    for chip in ["hwmon0", "hwmon1"] {
        symlink(&device, root.path().join("sys/class/hwmon").join(chip).join("device")).unwrap();
    }
    root.file("sys/class/hwmon/hwmon2/freq1_input", "2250000000\n");
    root.file("sys/class/hwmon/hwmon2/freq1_label", "sclk\n");
    let (text, _) = collect(hwmon(&root, Filter::default()));
    for chip in
        ["platform_asus_nb_wmi_asus", "platform_asus_nb_wmi_fan_curve", "coretemp_hwmon2", "coretemp_hwmon3"]
    {
        let line = format!("node_hwmon_pwm_enable{{chip=\"{chip}\",sensor=\"pwm1\"}} 2\n");
        assert!(text.contains(&line), "{text}");
    }
    assert!(
        text.contains("node_hwmon_freq_freq_mhz{chip=\"coretemp_hwmon2\",sensor=\"sclk\"} 2250\n"),
        "{text}"
    );
}

/// A collector that is scraped more than once.
struct Shared(Arc<Mutex<Hwmon>>);

impl Collector for Shared {
    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        self.0.lock().unwrap().collect(out)
    }
}

#[test]
fn a_scrape_sees_new_values_and_sensors() {
    let root = root();
    let collector = Arc::new(Mutex::new(hwmon(&root, Filter::default())));
    let (text, _) = collect(Shared(Arc::clone(&collector)));
    assert!(text.contains("sensor=\"temp1\"} 38.5\n"), "{text}");
    root.file("sys/class/hwmon/hwmon0/temp1_input", "40000\n");
    root.file("sys/class/hwmon/hwmon0/in0_input", "3400\n");
    let (text, _) = collect(Shared(collector));
    assert!(text.contains("sensor=\"temp1\"} 40\n"), "{text}");
    assert!(
        text.contains("node_hwmon_in_volts{chip=\"platform_coretemp_0\",sensor=\"in0\"} 3.4\n"),
        "{text}"
    );
}

#[test]
fn a_machine_without_sensors_is_no_fault() {
    let (_, error) = collect(hwmon(&FakeRoot::new(), Filter::default()));
    assert!(matches!(error, Some(CollectError::NoData(_))));
}
