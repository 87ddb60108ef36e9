//! What lies on disk: positions, and entries of the spool.
#![no_main]

use std::fs;

use fuzz::damage;
use log_router::position::store::Positions;
use tempfile::TempDir;

const GOOD: &[u8] = br#"{"format":2,"route":"r","containers":{"a":{"file":{"inode":1,"first":{"length":1,"hash":2}},"time":5,"streams":{"stdout":{"offset":1,"time":5,"count":1},"stderr":{"offset":0,"time":0,"count":0}}}},"spool":{"segment":1,"offset":2}}"#;

thread_local!(static FOLDER: TempDir = TempDir::new().expect("a folder"));

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    log_router::spool::fuzz(bytes);
    let Some(content) = damage::apply(GOOD, bytes) else { return };
    let file = FOLDER.with(|folder| folder.path().join("r.positions.json"));
    fs::write(&file, content).expect("a file");
    if let Err(error) = Positions::load(Some(file), "r") {
        let _ = error.to_string();
    }
});
