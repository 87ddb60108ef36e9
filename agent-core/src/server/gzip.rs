//! Gzip at the cheapest level, with the compressor's memory kept between answers.

use flate2::{Compress, Compression, Crc, FlushCompress, Status};

/// RFC 1952: magic, deflate, no flags, no time, fastest, unknown system.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 4, 255];

/// How much is compressed in one go. Beyond twice the window of 32 KiB the compressor has to shift its tables, which costs
/// more than to begin anew.
const STRETCH: usize = 60 * 1024;

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
    /// One gzip member that holds `input`, in the memory of `output`.
    pub(crate) fn compress(&mut self, input: &[u8], mut output: Vec<u8>) -> Vec<u8> {
        output.clear();
        // Exposition text shrinks to a sixth; a bit more saves the second round.
        output.reserve(input.len() / 5 + 1024);
        output.extend_from_slice(&HEADER);
        let mut rest = input;
        while let Some((stretch, behind)) = rest.split_at_checked(STRETCH) {
            self.deflate(stretch, &mut output, FlushCompress::Sync);
            rest = behind;
        }
        self.deflate(rest, &mut output, FlushCompress::Finish);
        let mut crc = Crc::new();
        crc.update(input);
        output.extend_from_slice(&crc.sum().to_le_bytes());
        output.extend_from_slice(&crc.amount().to_le_bytes());
        output
    }

    /// Adds a stretch that refers to nothing before it, up to the end of a byte.
    fn deflate(&mut self, stretch: &[u8], output: &mut Vec<u8>, flush: FlushCompress) {
        self.deflate.reset();
        loop {
            let consumed = usize::try_from(self.deflate.total_in()).unwrap_or(usize::MAX);
            let rest = stretch.get(consumed..).unwrap_or_default();
            match self.deflate.compress_vec(rest, output, flush) {
                Ok(status) if status != Status::StreamEnd && output.len() == output.capacity() => {
                    output.reserve(stretch.len() / 10 + 1024);
                }
                // Where room is left, all is there.
                Ok(_) => break,
                Err(error) => {
                    tracing::error!(%error, "an answer could not be compressed");
                    break;
                }
            }
        }
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
            GzDecoder::new(gzip.compress(input.as_bytes(), Vec::new()).as_slice())
                .read_to_string(&mut output)
                .unwrap();
            assert!(output == input);
        }
    }
}
