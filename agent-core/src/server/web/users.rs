//! `basic_auth_users`: who may ask, by name and password.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use ring::rand::SystemRandom;
use tokio::sync::Semaphore;

use super::secret::Secret;

/// Answers that are remembered.
const CACHE: usize = 100;

/// Checks passwords. One at a time, because bcrypt is made to be dear; what was right once is remembered by a keyed
/// digest, so that a scrape does not pay each time and no password stays in memory.
#[derive(Debug)]
pub(super) struct Gate {
    key: Option<hmac::Key>,
    good: Mutex<VecDeque<[u8; 32]>>,
    turn: Arc<Semaphore>,
}

impl Gate {
    pub(super) fn new() -> Self {
        // Without randomness nothing is remembered.
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new()).ok();
        Self { key, good: Mutex::default(), turn: Arc::new(Semaphore::new(1)) }
    }

    /// Whether an `Authorization` header names a user with the right password. Unknown users take as long as known
    /// ones with a wrong password.
    pub(super) async fn admits(&self, users: &BTreeMap<String, Secret>, header: Option<&str>) -> bool {
        let Some((user, password)) = header.and_then(credentials) else { return false };
        let known = users.get(&user);
        let Some(hash) = known.or_else(|| users.values().next()).cloned() else { return false };
        let digest = self.key.as_ref().map(|key| digest(key, &[&user, hash.reveal(), &password]));
        if known.is_some() && digest.is_some_and(|digest| self.good().contains(&digest)) {
            return true;
        }
        let Ok(turn) = Arc::clone(&self.turn).acquire_owned().await else { return false };
        let verified = tokio::task::spawn_blocking(move || {
            let verified = bcrypt::verify(&password, hash.reveal()).unwrap_or(false);
            drop(turn);
            verified
        });
        let admitted = verified.await.unwrap_or(false) && known.is_some();
        if let (true, Some(digest)) = (admitted, digest) {
            let mut good = self.good();
            good.truncate(CACHE - 1);
            good.push_front(digest);
        }
        admitted
    }

    fn good(&self) -> std::sync::MutexGuard<'_, VecDeque<[u8; 32]>> {
        self.good.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn digest(key: &hmac::Key, parts: &[&str]) -> [u8; 32] {
    let mut context = hmac::Context::with_key(key);
    for part in parts {
        context.update(&part.len().to_le_bytes());
        context.update(part.as_bytes());
    }
    context.sign().as_ref().try_into().unwrap_or_default()
}

/// Name and password of `Basic <base64>`.
fn credentials(header: &str) -> Option<(String, String)> {
    let (scheme, encoded) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("Basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (user, password) = text.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn users(password: &str, cost: u32) -> BTreeMap<String, Secret> {
        let hash = bcrypt::hash(password, cost).unwrap();
        BTreeMap::from([("alice".to_owned(), serde_saphyr::from_str(&format!("\"{hash}\"")).unwrap())])
    }

    fn header(user: &str, password: &str) -> String {
        format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
    }

    #[tokio::test]
    async fn only_the_right_password_opens() {
        let (gate, users) = (Gate::new(), users("open: sesame", 4));
        for (header, expected) in [
            (Some(header("alice", "open: sesame")), true),
            (Some(header("alice", "open: sesame")), true),
            (Some(header("alice", "closed")), false),
            (Some(header("bob", "open: sesame")), false),
            (Some(header("", "")), false),
            (Some("Bearer x".to_owned()), false),
            (Some("Basic ?".to_owned()), false),
            (None, false),
        ] {
            assert_eq!(gate.admits(&users, header.as_deref()).await, expected, "{header:?}");
        }
        assert_eq!(gate.good().len(), 1);
    }

    #[tokio::test]
    async fn what_was_right_is_known_and_a_new_hash_counts_at_once() {
        let (gate, old) = (Gate::new(), users("secret", 4));
        let header = header("alice", "secret");
        assert!(gate.admits(&old, Some(&header)).await);
        for _ in 0..50 {
            assert!(gate.admits(&old, Some(&header)).await);
        }
        assert_eq!(gate.good().len(), 1, "known without its hash");
        assert!(!gate.admits(&users("changed", 4), Some(&header)).await);
    }

    proptest! {
        #[test]
        fn credentials_round_trip(user in "[^:]*", password: String) {
            prop_assert_eq!(credentials(&header(&user, &password)), Some((user, password)));
        }

        #[test]
        fn odd_headers_are_no_credentials(text: String) {
            credentials(&text);
            credentials(&format!("Basic {text}"));
        }
    }
}
