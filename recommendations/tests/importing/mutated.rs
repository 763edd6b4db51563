//! The fuzz targets' bodies over a seeded mutator.

#[path = "../../fuzz/bodies.rs"]
mod bodies;

use service::stable::SplitMix64;

/// The same mutations every time.
struct Random(SplitMix64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        (self.0.draw() % limit.max(1) as u64) as usize
    }

    fn mutate(&mut self, bytes: &mut Vec<u8>) {
        const PIECES: [&[u8]; 14] = [
            b"\"",
            b"\n",
            b"\r\n",
            b",",
            b";",
            b"\t",
            b"=\"",
            b"\"\"",
            b"\xff",
            b"\0",
            b"{",
            b"}",
            b"reason",
            b"\xef\xbb\xbf",
        ];
        let place = self.below(bytes.len() + 1);
        let end = (place + self.below(24)).min(bytes.len());
        match self.below(7) {
            0 => bytes.truncate(place),
            1 => drop(bytes.drain(place..end)),
            2 => {
                let copied = bytes[place..end].to_vec();
                let to = self.below(bytes.len() + 1);
                bytes.splice(to..to, copied);
            }
            3 => {
                if let Some(byte) = bytes.get_mut(place) {
                    *byte = self.below(256) as u8;
                }
            }
            _ => {
                let piece = PIECES[self.below(PIECES.len())];
                bytes.splice(place..place, piece.iter().copied());
            }
        }
    }
}

fn run(seeds: &[Vec<u8>], times: usize, body: impl Fn(&[u8])) {
    let mut random = Random(SplitMix64(20_261_121));
    for time in 0..times {
        let mut bytes = seeds[time % seeds.len()].clone();
        for _ in 0..=random.below(12) {
            random.mutate(&mut bytes);
        }
        body(&bytes);
    }
}

/// The file behind the byte that chooses its format.
fn seed(format: u8, file: &str) -> Vec<u8> {
    [&[format], file.as_bytes()].concat()
}

#[test]
fn twenty_thousand_mutated_libraries_are_read_or_refused_without_a_panic() {
    let goodreads = "Book Id,Title,Author,ISBN13,My Rating,Exclusive Shelf\n\
        1,The Hobbit,J.R.R. Tolkien,\"=\"\"9780547928227\"\"\",5,read\n\
        2,\"Sapiens\nA Brief\",Yuval Noah Harari,,7,read\n3,\"x\"\"y\",,,0,to-read\n";
    let storygraph = "Title,Authors,ISBN/UID,Read Status,Star Rating,Last Date Read\n\
        The Hobbit,\"J. R. R. Tolkien\",,read,4.75,2024/02/30\nX,Y,,burnt,9,\n";
    let own =
        "reader,book,stars,shelf,changed_at\n1,1,5,read,2026-01-31T12:00:00Z\n2,9,,reading,\n3,2,0.3,,\n";
    let json = "{\"book\":1,\"stars\":3.5}\n{\"book\":2,\"shelf\":\"read\",\"owned\":1}\n{\"book\":3,\"x\":[{}]}\n[]\n";
    let goodbooks = "user_id,book_id,rating\n1,1,5\n2,x,4\n";
    let mut seeds = Vec::new();
    for (number, file) in [(3, goodreads), (4, storygraph), (1, own), (2, json), (5, goodbooks)] {
        seeds.extend([seed(number, file), seed(0, file), seed(0, &file.replace(',', ";"))]);
    }
    run(&seeds, 20_000, bodies::library);
}

#[test]
fn ten_thousand_mutated_catalogues_are_read_or_refused_without_a_panic() {
    let csv = "id,title,authors,year,categories,isbn\n1,Emma,\"Austen; Jane\",1815,classics,9780141439587\n\
        2,\"x\ny\",,,\"manga;?\",\n";
    let json =
        "{\"id\":1,\"title\":\"Emma\",\"categories\":[\"classics\"],\"year\":1815}\n{\"title\":null}\n";
    run(&[seed(0, csv), seed(1, json)], 10_000, bodies::books);
}

#[test]
fn five_thousand_mutated_artefacts_are_read_or_refused_without_a_panic() {
    let manifest = "{\"format\":\"shelfwise-model\",\"schema\":1,\"version\":\"1-test\",\"kind\":\"popular\",\
        \"created_at\":1,\"seconds\":0.5,\"store\":\"\",\"data\":{},\"parameters\":{},\"tensors\":{}}\0";
    let header = "{\"scores\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}";
    let mut file = manifest.as_bytes().to_vec();
    file.extend_from_slice(&(header.len() as u64).to_le_bytes());
    file.extend_from_slice(header.as_bytes());
    file.extend_from_slice(&[0; 8]);
    run(&[file], 5_000, bodies::artefact);
}
