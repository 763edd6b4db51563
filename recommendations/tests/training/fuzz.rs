//! The artefact reader on bytes that nobody vouches for.

use recommendations::{
    artefact::{self, ArtefactError, Data, FORMAT, Manifest, SCHEMA, Tensors, Trained},
    models::{Interaction, Interactions, Kind, Parameters, Progress, Run, train},
};
use ring::digest;
use service::stable::SplitMix64;

/// The same mutations every time.
struct Random(SplitMix64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        (self.0.draw() % limit.max(1) as u64) as usize
    }

    fn mutate(&mut self, bytes: &mut Vec<u8>) {
        // The header, where the structure is, is hit as often as the rest.
        let within = if self.below(2) == 0 { bytes.len().min(600) } else { bytes.len() };
        let place = self.below(within);
        match self.below(6) {
            0 => bytes.truncate(place),
            1 => bytes.extend((0..self.below(64)).map(|_| 0xff)),
            2 => {
                let end = (place + self.below(16)).min(bytes.len());
                bytes.drain(place.min(end)..end);
            }
            3 => {
                let end = (place + 4).min(bytes.len());
                // Not a number, infinity, the highest index, nothing.
                let patterns = [0x7fc0_0000_u32, 0x7f80_0000, u32::MAX, 0];
                let pattern = patterns[self.below(4)].to_le_bytes();
                bytes[place.min(end)..end].iter_mut().zip(pattern).for_each(|(byte, new)| *byte = new);
            }
            4 => bytes.insert(place, b'9'),
            _ => {
                if let Some(byte) = bytes.get_mut(place) {
                    *byte ^= 1 << self.below(8);
                }
            }
        }
    }
}

fn sha256(bytes: &[u8]) -> String {
    let digest = digest::digest(&digest::SHA256, bytes);
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn manifest(kind: Kind, books: usize) -> Manifest {
    Manifest {
        format: FORMAT.to_owned(),
        schema: SCHEMA,
        version: "1-test".to_owned(),
        kind: kind.name().to_owned(),
        created_at: 1,
        seconds: 0.5,
        store: String::new(),
        data: Data { books: books as u64, ..Data::default() },
        parameters: Parameters::default()
            .list()
            .into_iter()
            .map(|(name, it)| (name.to_owned(), it))
            .collect(),
        quality: None,
        compared_with: None,
        simulated: false,
        tensors: Tensors::default(),
    }
}

#[test]
fn ten_thousand_mutated_artefacts_are_read_or_refused_without_a_panic() {
    const BOOKS: usize = 30;
    let all = (0..600_u32).map(|n| Interaction { reader: n % 40, book: n * 7 % 31 % 30, stars: None });
    let data = Interactions::new(40, BOOKS, all).unwrap();
    let run = Run::new(1, Progress::new()).unwrap();
    let mut random = Random(SplitMix64(20_260_701));
    let (mut read, mut refused) = (0, 0);
    for kind in [Kind::Slim, Kind::Als, Kind::Popular, Kind::KnnCosine] {
        let mut parameters = Parameters::default();
        parameters.set("als.factors", 4.0).unwrap();
        let model = train(kind, &data, None, &parameters, &run).unwrap();
        let trained = Trained { books: (1..).take(BOOKS).collect(), model };
        let mut manifest = manifest(kind, BOOKS);
        let whole = artefact::encode(&mut manifest, &trained).unwrap();
        let (again, back) = artefact::decode(&whole.manifest, &whole.tensors).unwrap();
        assert_eq!(again, manifest);
        assert_eq!((back.books, back.model.parts()), (trained.books.clone(), trained.model.parts()));
        for round in 0..2_500 {
            let (mut text, mut tensors) = (whole.manifest.clone(), whole.tensors.clone());
            for _ in 0..=random.below(3) {
                if round % 10 == 0 {
                    random.mutate(&mut text);
                } else {
                    random.mutate(&mut tensors);
                }
            }
            if round % 10 != 0 {
                // Whoever wants to harm computes the right checksum.
                manifest.tensors = Tensors { bytes: tensors.len() as u64, sha256: sha256(&tensors) };
                text = manifest.to_json();
            }
            match artefact::decode(&text, &tensors) {
                Ok((_, trained)) => {
                    read += 1;
                    // What is let through can be asked.
                    let mut scratch = recommendations::models::Scratch::new();
                    let history = [recommendations::models::Event::rated(0, None)];
                    let ranked = trained.model.recommend(&history, 10, |_| true, &mut scratch);
                    assert!(ranked.iter().all(|it| (it.book as usize) < trained.books.len()));
                }
                Err(error) => {
                    refused += 1;
                    assert!(!error.to_string().is_empty());
                    assert!(!matches!(error, ArtefactError::Objects { .. }));
                }
            }
        }
    }
    assert_eq!(read + refused, 10_000);
    assert!(read > 100 && refused > 5_000, "{read} read, {refused} refused");
}
