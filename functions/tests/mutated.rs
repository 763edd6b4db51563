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

#[test]
fn manifest() {
    let whole = b"kind = 'wasi-command'\ninput = { a = 1 }\noutput = 'cgi'\ncontent-type = 'text/plain'\n\
        output-schema = { type = 'object' }\naccepts = ['image/*']\nidempotent = true\narguments = ['x']\n\
        [limits]\ntime = '2s'\nmemory = '64MiB'\ncalls = 4\n[grants]\nclock = true\nhosts = ['a.example:443']\n\
        environment = { A = 'b' }\nfolders = [{ host = '/a', guest = '/b', write = true }]\n\
        [tasks]\nattempts = 3\nbackoff = '1s'\nwebhook = 'https://a.example/'\n\
        [[routes]]\npath = '/api/x'\nmethod = 'POST'\nheader = { api = 'rs' }\n[[schedule]]\ncron = '0 3 * * *'\n";
    let pieces: [&[u8]; 20] = [
        b"[",
        b"]",
        b"[[routes]]\n",
        b"{",
        b"}",
        b"'",
        b"\"\"\"",
        b"\n",
        b"= ",
        b".",
        b"\0",
        b"\xc3\xa9",
        b"99999999999999999999",
        b"0x7fffffffffffffff",
        b"1e999",
        b"nan",
        b"1979-05-27T07:32:00Z",
        b"'0s'",
        b"[limits]\n",
        b"a.b.c.d = 1\n",
    ];
    run(&[whole], &pieces, 20_000, bodies::manifest);
}

#[test]
fn upload() {
    let module = include_bytes!("../guests/built/words.wasm");
    let plain = [&b"application/wasm\n"[..], module].concat();
    let edge = b"--e\r\ncontent-disposition: form-data; name=\"module\"\r\n\r\n";
    let manifest =
        b"\r\n--e\r\ncontent-disposition: form-data; name=\"manifest\"\r\n\r\nkind = 'se2'\r\n--e--\r\n";
    let form = [&b"multipart/form-data; boundary=e\n"[..], edge, module, manifest].concat();
    let pieces: [&[u8]; 12] = [
        b"\n",
        b"\r\n",
        b"--e",
        b"--e--\r\n",
        b"name=\"module\"",
        b"name=\"x\"",
        b"\0asm\x01\0\0\0",
        b"\x0d\0\x01\0",
        b"\xff\xff\xff\xff\x0f",
        b"\x80\x80\x80\x80\x80",
        b"\x60\x00\x00",
        b";",
    ];
    run(&[&plain, &form], &pieces, 1_000, bodies::deployed);
}
