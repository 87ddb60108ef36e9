//! Gzip at the cheapest level, with the compressor's memory kept between answers.

use flate2::{Compress, Compression, Crc, FlushCompress, Status};

/// RFC 1952: magic, deflate, no flags, no time, fastest, unknown system.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 4, 255];

/// A compressor for whole answers.
#[derive(Debug)]
pub(crate) struct Gzip {
    deflate: Compress,
}

impl Default for Gzip {
    fn default() -> Self {
        Self { deflate: Compress::new(Compression::fast(), false) }
    }
}

impl Gzip {
    /// One gzip member that holds `input`.
    pub(crate) fn compress(&mut self, input: &[u8]) -> Vec<u8> {
        // Exposition text shrinks to a sixth; a bit more saves the second round.
        let mut output = Vec::with_capacity(input.len() / 5 + 1024);
        output.extend_from_slice(&HEADER);
        self.deflate.reset();
        loop {
            let consumed = usize::try_from(self.deflate.total_in()).unwrap_or(usize::MAX);
            let rest = input.get(consumed..).unwrap_or_default();
            match self.deflate.compress_vec(rest, &mut output, FlushCompress::Finish) {
                Ok(Status::StreamEnd) => break,
                Ok(Status::Ok | Status::BufError) => output.reserve(input.len() / 10 + 1024),
                Err(error) => {
                    tracing::error!(%error, "an answer could not be compressed");
                    break;
                }
            }
        }
        let mut crc = Crc::new();
        crc.update(input);
        output.extend_from_slice(&crc.sum().to_le_bytes());
        output.extend_from_slice(&crc.amount().to_le_bytes());
        output
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;
    use flate2::read::GzDecoder;

    #[test]
    fn any_gzip_reader_gets_the_input_back_each_time() {
        let mut gzip = Gzip::default();
        let long = (0..20_000).map(|n| (n * 7919).to_string()).collect::<Vec<_>>().join("\n");
        for input in [long.as_str(), "", "short\n", long.as_str()] {
            let mut output = String::new();
            GzDecoder::new(gzip.compress(input.as_bytes()).as_slice()).read_to_string(&mut output).unwrap();
            assert!(output == input);
        }
    }
}
