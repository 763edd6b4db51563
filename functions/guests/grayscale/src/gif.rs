//! GIF images: their pixels are numbers of colours, so that it is enough to change the tables of colours. What pictures there are,
//! how long each is shown, and what is seen through stays as it is, byte for byte.

use crate::Fault;
use crate::grey::lightness;

pub(crate) fn grayscale(image: &[u8]) -> Result<Vec<u8>, Fault> {
    let mut gif = Gif { bytes: image.to_vec(), at: 6 };
    let screen = gif.skip(7)?;
    gif.grey_table(gif.bytes[screen + 4])?;
    let mut pictures = 0u32;
    loop {
        match gif.next() {
            Some(EXTENSION) => {
                gif.skip(1)?;
                gif.skip_blocks()?;
            }
            Some(PICTURE) => {
                let descriptor = gif.skip(9)?;
                gif.grey_table(gif.bytes[descriptor + 8])?;
                let code_size = gif.skip(1)?;
                if !(2..=8).contains(&gif.bytes[code_size]) {
                    return Err(Fault::broken("a picture's codes are too long or too short"));
                }
                gif.skip_blocks()?;
                pictures += 1;
            }
            // What follows the end is of no use to anybody.
            Some(END) => break,
            Some(_) => return Err(Fault::broken("it has a block of an unknown kind")),
            None => return Err(Fault::broken(CUT)),
        }
    }
    if pictures == 0 {
        return Err(Fault::broken("there is no picture in it"));
    }
    gif.bytes.truncate(gif.at);
    Ok(gif.bytes)
}

const EXTENSION: u8 = 0x21;
const PICTURE: u8 = 0x2c;
const END: u8 = 0x3b;
const CUT: &str = "it ends in the middle";

struct Gif {
    bytes: Vec<u8>,
    at: usize,
}

impl Gif {
    fn next(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    /// Where the next `count` bytes begin, all of which there are.
    fn skip(&mut self, count: usize) -> Result<usize, Fault> {
        let start = self.at;
        self.at += count;
        if self.at > self.bytes.len() { Err(Fault::broken(CUT)) } else { Ok(start) }
    }

    /// Blocks that say how long they are, up to the empty one.
    fn skip_blocks(&mut self) -> Result<(), Fault> {
        while let Some(length) = self.next() {
            if length == 0 {
                return Ok(());
            }
            self.skip(length.into())?;
        }
        Err(Fault::broken(CUT))
    }

    /// The table of colours that follows, if `flags` say that one does: its highest bit is set, and its lowest three are one less
    /// than the logarithm of how many there are.
    fn grey_table(&mut self, flags: u8) -> Result<(), Fault> {
        if flags & 0x80 == 0 {
            return Ok(());
        }
        let start = self.skip(3 << ((flags & 7) + 1))?;
        for colour in self.bytes[start..self.at].as_chunks_mut::<3>().0 {
            let [red, green, blue] = *colour;
            *colour = [lightness(red, green, blue); 3];
        }
        Ok(())
    }
}
