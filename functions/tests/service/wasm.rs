//! Small modules, written by hand: so that no test needs a compiler.

/// A WASI command that writes a text to standard output.
pub(crate) fn says(text: &str) -> Vec<u8> {
    command(&[(0, 1, text)])
}

/// As [`says`], after it has counted so far, which takes about a nanosecond each.
pub(crate) fn says_after(counting: u64, text: &str) -> Vec<u8> {
    command(&[(counting, 1, text)])
}

/// As [`says_after`], and writes a line to standard error before it counts.
pub(crate) fn logs_and_says_after(line: &str, counting: u64, text: &str) -> Vec<u8> {
    command(&[(0, 2, line), (counting, 1, text)])
}

/// A WASI command that writes one text to standard output and another to standard error.
pub(crate) fn says_and_logs(text: &str, line: &str) -> Vec<u8> {
    command(&[(0, 1, text), (0, 2, line)])
}

/// A WASI command that wants a function that nobody has.
pub(crate) fn wants(import: &str) -> Vec<u8> {
    assemble(import, &[(0, 1, "never")])
}

fn command(texts: &[(u64, u8, &str)]) -> Vec<u8> {
    assemble("fd_write", texts)
}

/// Each text with how far is counted before it, and where it is written.
fn assemble(import: &str, texts: &[(u64, u8, &str)]) -> Vec<u8> {
    let mut module = b"\0asm\x01\0\0\0".to_vec();
    let mut section = |number: u8, body: &[u8]| {
        module.push(number);
        module.extend(leb(body.len() as u64));
        module.extend_from_slice(body);
    };
    // (i32, i32, i32, i32) -> i32, and () -> ().
    section(1, b"\x02\x60\x04\x7f\x7f\x7f\x7f\x01\x7f\x60\x00\x00");
    section(2, &[b"\x01".to_vec(), name("wasi_snapshot_preview1"), name(import), vec![0, 0]].concat());
    section(3, b"\x01\x01");
    // Each text begins behind the vector that names it and the place for how much was written.
    let mut place = 0;
    let (mut code, mut data) = (b"\x01\x01\x7e".to_vec(), leb(texts.len() as u64));
    for (counting, number, text) in texts {
        if *counting > 0 {
            code.extend_from_slice(b"\x03\x40\x20\x00\x42\x01\x7c\x22\x00\x42");
            code.extend(signed(*counting));
            code.extend_from_slice(b"\x54\x0d\x00\x0b");
        }
        let length = text.len() as u32;
        code.extend(
            [&[0x41, *number, 0x41][..], &signed(place), &[0x41, 1, 0x41], &signed(place + 8)].concat(),
        );
        code.extend_from_slice(b"\x10\x00\x1a");
        let bytes = [&(place as u32 + 16).to_le_bytes()[..], &length.to_le_bytes(), &[0; 8], text.as_bytes()]
            .concat();
        data.extend([vec![0, 0x41], signed(place), vec![0x0b], leb(bytes.len() as u64), bytes].concat());
        place += 16 + u64::from(length).next_multiple_of(16);
    }
    code.push(0x0b);
    section(5, &[vec![1, 0], leb(place / 65_536 + 1)].concat());
    section(7, &[vec![2], name("memory"), vec![2, 0], name("_start"), vec![0, 1]].concat());
    section(10, &[vec![1], leb(code.len() as u64), code].concat());
    section(11, &data);
    module
}

fn name(text: &str) -> Vec<u8> {
    [leb(text.len() as u64), text.as_bytes().to_vec()].concat()
}

fn leb(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let byte = (number & 0x7f) as u8;
        number >>= 7;
        if number == 0 {
            bytes.push(byte);
            return bytes;
        }
        bytes.push(byte | 0x80);
    }
}

/// As constants are written: the highest bit of the last byte is the sign.
fn signed(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let byte = (number & 0x7f) as u8;
        number >>= 7;
        if number == 0 && byte & 0x40 == 0 {
            bytes.push(byte);
            return bytes;
        }
        bytes.push(byte | 0x80);
    }
}
