use super::*;
use proptest::prelude::*;

type Got = Vec<(String, bool, bool)>;

/// Feeds the bytes in chunks of a size.
fn frames(bytes: &[u8], chunk: usize, longest: usize) -> (Got, Result<(), BadLength>) {
    let mut framer = Framer::new(longest);
    let mut got = Vec::new();
    let mut add = |frame: Frame<'_>| {
        got.push((String::from_utf8_lossy(frame.text).into_owned(), frame.first, frame.last));
    };
    let mut result = Ok(());
    for part in bytes.chunks(chunk) {
        result = result.and_then(|()| framer.push(part, &mut add));
    }
    framer.finish(&mut add);
    (got, result)
}

fn whole(texts: &[&str]) -> Got {
    texts.iter().map(|text| ((*text).to_owned(), true, true)).collect()
}

#[test]
fn newlines_and_lengths_may_be_mixed() {
    for chunk in 1..30 {
        let bytes = b"<13>one\n9 <13>two\nx<13>three\r\n\n<13>last";
        assert_eq!(frames(bytes, chunk, 100).0, whole(&["<13>one", "<13>two\nx", "<13>three", "<13>last"]));
        assert_eq!(frames(b"12:30 text\n<13>b\n", chunk, 100).0, whole(&["12:30 text", "<13>b"]));
    }
}

#[test]
fn long_messages_come_in_parts() {
    let part = |text: &str, first, last| (text.to_owned(), first, last);
    for chunk in 1..12 {
        let expected = vec![part("<13>", true, false), part("abcd", false, false), part("e", false, true)];
        assert_eq!(frames(b"<13>abcde\n", chunk, 4).0, expected);
        assert_eq!(frames(b"9 <13>abcde", chunk, 4).0, expected);
    }
}

#[test]
fn lengths_that_nobody_means_end_the_connection() {
    assert_eq!(frames(b"99999999 x", 3, 10).1, Err(BadLength));
    assert_eq!(frames(b"123456789123", 3, 10).1, Err(BadLength));
}

proptest! {
    #[test]
    fn every_byte_of_every_message_comes_out(
        texts in proptest::collection::vec("<[0-9]{1,3}>[ -~]{0,40}", 0..8),
        counted: u8,
        chunk in 1_usize..50,
        longest in 1_usize..50,
    ) {
        let mut bytes = Vec::new();
        for (index, text) in texts.iter().enumerate() {
            if counted >> (index % 8) & 1 == 1 {
                bytes.extend(format!("{} {text}", text.len()).bytes());
            } else {
                bytes.extend(format!("{text}\n").bytes());
            }
        }
        let (got, result) = frames(&bytes, chunk, longest);
        prop_assert_eq!(result, Ok(()));
        let mut joined = Vec::new();
        for (text, first, _) in got {
            if first {
                joined.push(text);
            } else if let Some(last) = joined.last_mut() {
                last.push_str(&text);
            }
        }
        prop_assert_eq!(joined, texts);
    }

    #[test]
    fn nothing_panics(bytes: Vec<u8>, chunk in 1_usize..20, longest in 0_usize..20) {
        let _any = frames(&bytes, chunk, longest);
    }
}
