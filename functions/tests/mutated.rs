//! The fuzz targets' bodies over a seeded mutator.

#[path = "../fuzz/bodies.rs"]
mod bodies;

/// SplitMix64 (Steele, Lea and Flood, 2014): the same mutations every time.
struct Random(u64);

impl Random {
    fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.draw() % limit.max(1) as u64) as usize
    }

    fn mutate(&mut self, bytes: &mut Vec<u8>, pieces: &[&[u8]]) {
        let place = self.below(bytes.len() + 1);
        let end = (place + self.below(24)).min(bytes.len());
        match self.below(7) {
            0 => drop(bytes.drain(place..end)),
            1 => {
                let copied = bytes[place..end].to_vec();
                let to = self.below(bytes.len() + 1);
                bytes.splice(to..to, copied);
            }
            2 => {
                if let Some(byte) = bytes.get_mut(place) {
                    *byte = self.below(256) as u8;
                }
            }
            _ => {
                let piece = pieces[self.below(pieces.len())];
                bytes.splice(place..place, piece.iter().copied());
            }
        }
    }
}

fn run(seeds: &[&[u8]], pieces: &[&[u8]], times: usize, body: impl Fn(&[u8])) {
    let mut random = Random(20_261_126);
    for time in 0..times {
        let mut bytes = seeds[time % seeds.len()].to_vec();
        for _ in 0..=random.below(12) {
            random.mutate(&mut bytes, pieces);
        }
        body(&bytes);
    }
}

#[test]
fn routes() {
    let two = b"[[routes]]\npath = '/api/hello'\nmethod = 'POST'\nheader = { api = 'rs' }\nfunction = 'a'\n\
        [[routes]]\npath = '/api/*'\nfunction = 'b'\n\0POST /api/hello api:rs\nHEAD /api/x\nGET /api/hello api:go\n";
    let many =
        b"routes = [{ path = '/*', function = 'a' }, { path = '/a/*', function = 'b' }, { path = '/a/b', \
        function = 'c', header = { x = '1', y = '2' } }, { path = '/a/b', method = 'GET', function = 'd' }]\n\
        \0GET /a/b x:1 y:2\nGET /a/b/\nPUT /\nHEAD /a/b\n";
    let pieces: [&[u8]; 14] = [
        b"/",
        b"/*",
        b"'",
        b"\n",
        b"\0",
        b"..",
        b"%2e",
        b"a",
        b"api:rs",
        b"x = '1', ",
        b"method = 'GET'\n",
        b"[[routes]]\n",
        b"GET /a/b x:1\n",
        b"header = { x = '1' }\n",
    ];
    run(&[two, many], &pieces, 20_000, bodies::routes);
}

#[test]
fn preferences() {
    let seeds: [&[u8]; 3] = [
        b"respond-async, wait=10",
        b"wait=5;x=\"y,z\"\nhandling=lenient, respond-async; a",
        b"foo=\"\\\"\", WAIT = \"12\"\nwait=1",
    ];
    let pieces: [&[u8]; 14] = [
        b",",
        b";",
        b"=",
        b"\"",
        b"\\",
        b" ",
        b"\t",
        b"\n",
        b"wait",
        b"wait=99999999999",
        b"respond-async",
        b"\xe9",
        b"0",
        b"=\"\"",
    ];
    run(&seeds, &pieces, 50_000, bodies::preferences);
}
