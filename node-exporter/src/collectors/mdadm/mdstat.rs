//! `/proc/mdstat`: a line for each array, with indented lines that belong to it.

use agent_core::read::{fields, lines, parse_u64, text};

/// An array as `/proc/mdstat` tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Array<'a> {
    pub(super) name: &'a str,
    pub(super) state: State,
    pub(super) numbers: Numbers,
}

/// The numbers of an array; blocks of 1 KiB.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Numbers {
    pub(super) blocks: Option<u64>,
    pub(super) synced: Option<u64>,
    pub(super) required: Option<u64>,
    pub(super) active: Option<u64>,
    pub(super) failed: u64,
    pub(super) spare: u64,
}

/// What an array does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Active,
    Inactive,
    Recovering,
    Resync,
    Check,
}

impl State {
    /// All states with their labels.
    pub(super) const ALL: [(Self, &'static str); 5] = [
        (Self::Active, "active"),
        (Self::Inactive, "inactive"),
        (Self::Recovering, "recovering"),
        (Self::Resync, "resync"),
        (Self::Check, "check"),
    ];
}

/// All arrays; lines that are not understood cost the numbers they would have given.
pub(super) fn parse(content: &[u8]) -> Vec<Array<'_>> {
    let mut arrays: Vec<Array<'_>> = Vec::new();
    for line in lines(content) {
        if line.first().is_some_and(u8::is_ascii_whitespace) {
            if let Some(array) = arrays.last_mut() {
                array.read_detail(line);
            }
        } else {
            arrays.extend(parse_array(line));
        }
    }
    arrays
}

/// `md6 : active raid1 sdb2[2](F) sdc[1](S) sda2[0]`
fn parse_array(line: &[u8]) -> Option<Array<'_>> {
    let mut words = fields(line);
    let name = text(words.next()?)?;
    let _colon = words.next().filter(|word| *word == b":")?;
    let state = match words.next()? {
        b"active" => State::Active,
        b"inactive" => State::Inactive,
        // The line of the kernel's abilities.
        _ => return None,
    };
    let has = |suffix: &[u8]| fields(line).filter(|word| contains(word, suffix)).count() as u64;
    let mut numbers = Numbers { failed: has(b"(F)"), spare: has(b"(S)"), ..Numbers::default() };
    let striped = fields(line).any(|word| matches!(word, b"raid0" | b"linear"));
    let disks = match (striped, state) {
        // All disks are needed, and no other line says how many there are.
        (true, _) => Some(has(b"[")),
        (false, State::Inactive) => Some(0),
        (false, _) => None,
    };
    (numbers.active, numbers.required) = (disks, disks);
    Some(Array { name, state, numbers })
}

impl Array<'_> {
    fn read_detail(&mut self, line: &[u8]) {
        let numbers = &mut self.numbers;
        let mut words = fields(line);
        if let (Some(blocks), Some(b"blocks")) = (words.next().and_then(parse_u64), words.next()) {
            numbers.blocks = Some(blocks);
            numbers.synced = Some(blocks);
            let counts = fields(line).find_map(|word| parse_pair(word, b'[', b']'));
            if let (None, Some((required, active))) = (numbers.required, counts) {
                numbers.required = Some(required);
                numbers.active = Some(active);
            }
        } else if let Some(state) = parse_progress(line, self.state) {
            self.state = state;
            // Without a pair it waits: PENDING, DELAYED or REMOTE.
            let progress = fields(line).find_map(|word| parse_pair(word, b'(', b')'));
            numbers.synced = Some(progress.map_or(0, |(synced, _)| synced));
        }
    }
}

/// What goes on, from `[=>…]  recovery =  8.5% (1/2) …` or `resync=DELAYED`; a reshape leaves the state as it is.
fn parse_progress(line: &[u8], before: State) -> Option<State> {
    fields(line).find_map(|word| match word.split(|byte| *byte == b'=').next()? {
        b"recovery" | b"recover" => Some(State::Recovering),
        b"resync" => Some(State::Resync),
        b"check" => Some(State::Check),
        b"reshape" => Some(before),
        _ => None,
    })
}

/// `[2/1]` or `(16775552/195310144)`.
fn parse_pair(word: &[u8], open: u8, close: u8) -> Option<(u64, u64)> {
    let inner = word.strip_prefix(&[open])?.strip_suffix(&[close])?;
    let slash = inner.iter().position(|byte| *byte == b'/')?;
    let (first, second) = inner.split_at_checked(slash)?;
    Some((parse_u64(first)?, parse_u64(second.get(1..)?)?))
}

fn contains(word: &[u8], part: &[u8]) -> bool {
    word.windows(part.len()).any(|window| window == part)
}

#[cfg(test)]
pub(super) const TEXT: &str = "\
Personalities : [linear] [multipath] [raid0] [raid1] [raid6] [raid5] [raid4] [raid10]
md3 : active raid6 sda1[8] sdh1[7] sdg1[6] sdf1[5] sde1[11] sdd1[3] sdc1[10](S) sdb1[9]
      5853468288 blocks super 1.2 level 6, 64k chunk, algorithm 2 [8/8] [UUUUUUUU]

md6 : active raid1 sdb2[2](F) sdc[1](S) sda2[0]
      195310144 blocks [2/1] [U_]
      [=>...................]  recovery =  8.5% (16775552/195310144) finish=17.0min speed=259783K/sec

md7 : active raid6 sdb1[0] sde1[3] sdd1[2] sdc1[1](F)
      7813735424 blocks super 1.2 level 6, 512k chunk, algorithm 2 [4/3] [U_UU]
      bitmap: 0/30 pages [0KB], 65536KB chunk

md9 : active raid1 sdc2[2] sdd2[3]
      523968 blocks super 1.2 [4/4] [UUUU]
\tresync=DELAYED

md10 : active raid0 sda1[0] sdb1[1]
      314159265 blocks 64k chunks

md201 : active raid1 sda3[0] sdb3[1]
      1993728 blocks super 1.2 [2/2] [UU]
      [=>...................]  check =  5.7% (114176/1993728) finish=0.2min speed=114176K/sec

md219 : inactive sdb[2](S) sdc[1](S) sda[0](S)
        7932 blocks super external:imsm

unused devices: <none>
";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn arrays_of_all_kinds() {
        let rows: Vec<_> = parse(TEXT.as_bytes())
            .into_iter()
            .map(|Array { name, state, numbers: n }| {
                (name, state, n.active, n.required, n.failed, n.spare, n.synced)
            })
            .collect();
        assert_eq!(
            rows,
            [
                ("md3", State::Active, Some(8), Some(8), 0, 1, Some(5_853_468_288)),
                ("md6", State::Recovering, Some(1), Some(2), 1, 1, Some(16_775_552)),
                ("md7", State::Active, Some(3), Some(4), 1, 0, Some(7_813_735_424)),
                ("md9", State::Resync, Some(4), Some(4), 0, 0, Some(0)),
                ("md10", State::Active, Some(2), Some(2), 0, 0, Some(314_159_265)),
                ("md201", State::Check, Some(2), Some(2), 0, 0, Some(114_176)),
                ("md219", State::Inactive, Some(0), Some(0), 0, 3, Some(7932)),
            ]
        );
    }

    proptest! {
        #[test]
        fn nothing_panics(content: Vec<u8>, odd in "(md0 : |active |raid1 |\n |blocks|recovery =|\\[1/2\\]|[0-9/()\\[\\]=]){0,40}") {
            parse(&content);
            parse(odd.as_bytes());
        }
    }
}
