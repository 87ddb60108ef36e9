use super::fake::FakeBus;
use super::*;

const CALL: Call<'_> =
    Call { service: "org.example", path: "/a", interface: "org.example.A", member: Member::Property("P") };

fn numbered(count: usize) -> String {
    let lines: Vec<_> = (0..count).map(|n| format!("/a/{n} org.example.A P = u {n}")).collect();
    lines.join("\n")
}

#[test]
fn many_answers_come_in_the_order_of_the_calls() {
    let bus = FakeBus::recorded(&numbered(300));
    let paths: Vec<_> = (0..300).map(|n| format!("/a/{n}")).collect();
    let calls: Vec<_> = paths.iter().map(|path| Call { path, ..CALL }).collect();
    let answers = bus.bus().connect().unwrap().ask(&calls).unwrap();
    let numbers: Vec<_> = answers.iter().map(Answer::number).collect();
    assert_eq!(numbers, (0..300).map(Some).collect::<Vec<_>>());
}

#[test]
fn a_refusal_is_an_answer_and_costs_no_other() {
    let bus = FakeBus::recorded("/a org.example.A P = s \"a \\\"b\\\\\"\n/a org.example.A F = b true");
    let mut conversation = bus.bus().connect().unwrap();
    let flag = Call { member: Member::Property("F"), ..CALL };
    let answers = conversation.ask(&[CALL, Call { path: "/gone", ..CALL }, flag]).unwrap();
    let properties: Vec<_> = answers.iter().map(Answer::property).collect();
    assert_eq!(properties, [Some(Property::Text("a \"b\\".to_owned())), None, Some(Property::Flag(true))]);
    assert_eq!(answers[0].number(), None);
    assert!(matches!(answers[1].body("org.example"), Err(CollectError::Other(_))));
}

#[test]
fn a_missing_service_is_no_data() {
    let bus = FakeBus::recorded("");
    let answers = bus.bus().connect().unwrap().ask(&[Call { member: Member::Method("M"), ..CALL }]).unwrap();
    assert!(matches!(answers[0].body("org.example"), Err(CollectError::NoData(_))));
}

#[test]
fn a_silent_bus_is_given_up() {
    let bus = FakeBus::silent();
    let error = bus.impatient_bus().connect().unwrap_err();
    assert!(error.to_string().ends_with("timed out"), "{error}");
}

#[test]
fn a_bus_that_hangs_up_is_an_error() {
    let mut conversation = FakeBus::hanging_up().bus().connect().unwrap();
    let error = conversation.ask(&[CALL]).unwrap_err();
    assert!(matches!(error, CollectError::Other(_)), "{error}");
}

#[test]
fn the_first_place_that_answers_is_taken() {
    let bus = FakeBus::recorded(&numbered(1));
    let mut places = Bus { places: vec![Place::Socket("/no/such/socket".into())], deadline: DEADLINE };
    let error = places.connect().unwrap_err();
    assert!(matches!(&error, CollectError::NoData(text) if text.contains("/no/such/socket")), "{error}");
    places.places.push(Place::Socket(bus.path()));
    let mut conversation = places.connect().unwrap();
    assert_eq!(conversation.ask(&[Call { path: "/a/0", ..CALL }]).unwrap()[0].number(), Some(0));
}

#[test]
fn a_given_address_is_the_only_place() {
    let roots = |rootfs: &str| Roots {
        procfs: PathBuf::new(),
        sysfs: PathBuf::new(),
        rootfs: rootfs.into(),
        udev_data: PathBuf::new(),
    };
    let names = |bus: Bus| bus.places.iter().map(Place::name).collect::<Vec<_>>();
    assert_eq!(
        names(Bus::system(&roots("/rootfs"), None)),
        ["/rootfs/run/dbus/system_bus_socket", "/run/dbus/system_bus_socket"]
    );
    assert_eq!(names(Bus::system(&roots("/"), None)), ["/run/dbus/system_bus_socket"]);
    let bus = FakeBus::recorded(&numbered(1));
    let address = format!("unix:path={}", bus.path().display());
    let given = Bus::system(&roots("/rootfs"), Some(&address));
    assert_eq!(names(given.clone()), [address]);
    assert!(given.connect().is_ok());
    let error = Bus::system(&roots("/"), Some("unix:path=/no/such/socket")).connect().unwrap_err();
    assert!(matches!(error, CollectError::NoData(_)), "{error}");
    let error = Bus::system(&roots("/"), Some("nonsense")).connect().unwrap_err();
    assert!(matches!(error, CollectError::Other(_)), "{error}");
}
