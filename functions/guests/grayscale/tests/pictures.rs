//! Pictures of every kind, all of the same: four squares, red and green above blue and white.

use std::io::Cursor;
use std::path::Path;

use grayscale::{Fault, grayscale};

/// How light the four squares are, with opacity where there is one.
const SQUARES: [u8; 4] = [77, 149, 29, 255];
/// What a codec that loses something may lose.
const LOSS: u8 = 4;

#[test]
fn what_is_lossless_is_exact() {
    for name in [
        "rgb.png",
        "palette.png",
        "grey.png",
        "deep.png",
        "interlaced.png",
        "lossless.webp",
        "rgb.bmp",
        "palette.bmp",
    ] {
        assert_squares(name, 1, 1);
    }
    for name in ["rgba.png", "rgba.webp"] {
        let (pixels, samples) = grey(name);
        assert_eq!(samples, 2, "{name} keeps its opacity");
        assert!(pixels.as_chunks::<2>().0.iter().all(|[_, opacity]| *opacity == 128), "{name}");
        assert_squares(name, 2, 1);
    }
}

#[test]
fn what_is_lossy_is_near() {
    for name in ["baseline.jpg", "progressive.jpg", "grey.jpg", "cmyk.jpg", "lossy.webp"] {
        assert_squares(name, 1, LOSS);
    }
}

#[test]
fn a_picture_is_turned_as_the_camera_was_held() {
    assert_squares("turned.jpg", 1, LOSS);
}

#[test]
fn a_gif_stays_a_gif_and_only_its_colours_change() {
    for (name, tables) in [("still.gif", 1), ("animated.gif", 2)] {
        let image = read(name);
        let grey = grayscale(&image).unwrap();
        assert_eq!(grey.len(), image.len(), "{name}");
        let changed: Vec<usize> = (0..image.len()).filter(|at| image[*at] != grey[*at]).collect();
        // Red, green and blue change two or three bytes of each table; white and all else none.
        assert!((6 * tables..=9 * tables).contains(&changed.len()), "{name}: {changed:?}");
        assert_eq!(
            grey[13..25].as_chunks::<3>().0.iter().filter(|[r, g, b]| r == g && g == b).count(),
            4,
            "{name}"
        );
        let again = grayscale(&grey).unwrap();
        assert!(
            again.iter().zip(&grey).all(|(again, grey)| again.abs_diff(*grey) <= 1),
            "{name} is grey already"
        );
    }
}

#[test]
fn what_is_no_image_is_refused() {
    for image in [&b""[..], b"GIF", b"\xff\xd8", b"<svg xmlns='http://www.w3.org/2000/svg'/>", &[0; 1000]] {
        assert_eq!(grayscale(image), Err(Fault::Unknown));
    }
    assert_eq!(Fault::Unknown.to_string(), "This is no PNG, JPEG, GIF, WebP or BMP image.");
}

#[test]
fn what_is_cut_off_is_refused() {
    for name in names() {
        let image = read(&name);
        // The last bytes of some formats are of no use; half of an image is always missed.
        for length in 0..image.len() / 2 {
            assert!(grayscale(&image[..length]).is_err(), "{length} bytes of {name}");
        }
        for length in image.len() / 2..image.len() {
            drop(grayscale(&image[..length]));
        }
    }
}

#[test]
fn what_is_broken_ends_no_program() {
    for name in names() {
        let image = read(&name);
        for at in 0..image.len() {
            for bits in [0x01, 0x80, 0xff] {
                let mut broken = image.clone();
                broken[at] ^= bits;
                drop(grayscale(&broken));
            }
        }
    }
}

#[test]
fn what_is_too_large_is_refused_before_memory_is_taken() {
    let mut image = read("rgb.png");
    // The header's width and height, and its checksum.
    image[16..24].copy_from_slice(&[0, 0, 0xff, 0xff, 0, 0, 0xff, 0xff]);
    let checksum = crc(&image[12..29]);
    image[29..33].copy_from_slice(&checksum.to_be_bytes());
    assert_eq!(grayscale(&image), Err(Fault::TooLarge { width: 65535, height: 65535 }));
}

fn assert_squares(name: &str, samples: usize, loss: u8) {
    let (pixels, kept) = grey(name);
    assert_eq!(kept, samples, "{name}");
    for (square, (x, y)) in [(4, 4), (12, 4), (4, 12), (12, 12)].into_iter().enumerate() {
        let lightness = pixels[(y * 16 + x) * samples];
        assert!(lightness.abs_diff(SQUARES[square]) <= loss, "{name}: square {square} is {lightness}");
    }
}

/// The pixels of a picture when it is grey, and how many bytes each has.
fn grey(name: &str) -> (Vec<u8>, usize) {
    let image = grayscale(&read(name)).unwrap_or_else(|fault| panic!("{name}: {fault}"));
    let mut reader = png::Decoder::new(Cursor::new(image)).read_info().expect("a PNG");
    assert_eq!(reader.info().size(), (16, 16), "{name}");
    let samples = reader.info().color_type.samples();
    assert!(!reader.info().color_type.eq(&png::ColorType::Indexed), "{name}");
    let mut pixels = vec![0; reader.output_buffer_size().expect("a size")];
    reader.next_frame(&mut pixels).expect("pixels");
    (pixels, samples)
}

fn read(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pictures").join(name)).expect("a picture")
}

fn names() -> Vec<String> {
    let pictures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pictures");
    let names = std::fs::read_dir(pictures)
        .expect("pictures")
        .map(|entry| entry.expect("a name").file_name().into_string().expect("UTF-8"));
    names.filter(|name| name != "make.py").collect()
}

/// The checksum of PNG's chunks.
fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(
            crc ^ u32::from(*byte),
            |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 },
        )
    })
}
