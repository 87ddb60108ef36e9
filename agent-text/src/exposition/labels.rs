//! Label sets that are known only at run time.

use std::fmt::{self, Write};

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelSetEncoder};

/// Labels rendered once, for things whose labels do not change while they live (a container).
///
/// All pairs but the last are kept as finished exposition text; the encoder takes that text, together with the
/// last key, as one label key, so that a sample with twenty labels costs two writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelBlock {
    key: String,
    value: String,
}

impl LabelBlock {
    /// Renders the pairs in their order. Keys must be valid label names, values may hold anything.
    pub fn new<K: AsRef<str>, V: AsRef<str>>(pairs: &[(K, V)]) -> Self {
        let mut key = String::new();
        let mut value = String::new();
        for (index, (name, text)) in pairs.iter().enumerate() {
            if index + 1 < pairs.len() {
                key.push_str(name.as_ref());
                key.push_str("=\"");
                push_escaped(&mut key, text.as_ref());
                key.push_str("\",");
            } else {
                key.push_str(name.as_ref());
                text.as_ref().clone_into(&mut value);
            }
        }
        Self { key, value }
    }

    /// The labels of another block, if any, with more pairs behind them.
    pub(super) fn after<K: AsRef<str>, V: AsRef<str>>(block: Option<&Self>, pairs: &[(K, V)]) -> Self {
        let mut whole = Self::new(pairs);
        let Some(first) = block.filter(|block| !block.is_empty()) else { return whole };
        if whole.is_empty() {
            return first.clone();
        }
        let mut key = first.key.clone();
        key.push_str("=\"");
        push_escaped(&mut key, &first.value);
        key.push_str("\",");
        key.push_str(&whole.key);
        whole.key = key;
        whole
    }

    /// True where there are no labels at all.
    pub fn is_empty(&self) -> bool {
        self.key.is_empty()
    }
}

fn push_escaped(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            other => out.push(other),
        }
    }
}

/// The labels of one sample: a rendered block, then pairs made on the spot.
#[derive(Debug)]
pub(super) struct Labels<'a> {
    pub(super) block: Option<&'a LabelBlock>,
    pub(super) pairs: &'a [(&'a str, &'a str)],
}

impl Labels<'_> {
    pub(super) fn is_empty(&self) -> bool {
        self.pairs.is_empty() && self.block.is_none_or(LabelBlock::is_empty)
    }
}

impl EncodeLabelSet for Labels<'_> {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> fmt::Result {
        if let Some(block) = self.block.filter(|b| !b.is_empty()) {
            pair(encoder, &block.key, &block.value)?;
        }
        self.pairs.iter().try_for_each(|(key, value)| pair(encoder, key, value))
    }
}

fn pair(encoder: &mut LabelSetEncoder<'_>, key: &str, value: &str) -> fmt::Result {
    let mut label = encoder.encode_label();
    let mut key_encoder = label.encode_label_key()?;
    key_encoder.write_str(key)?;
    let mut value_encoder = key_encoder.encode_label_value()?;
    EncodeLabelValue::encode(&value, &mut value_encoder)?;
    value_encoder.finish()
}
