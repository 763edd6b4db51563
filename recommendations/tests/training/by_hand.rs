//! Artefacts whose numbers a test has chosen.

use std::fs;

use protobufs::models::ActivateModelRequest;
use recommendations::{
    artefact::{self, Data, FORMAT, Manifest, SCHEMA, Tensors, Trained},
    models::{Model, Parts, Sparse},
};

use crate::{Place, Server};

/// The model knows the catalogue's books from 1 to so many.
pub(crate) fn parts(popularity: Vec<f32>, prior: f32, row: impl Fn(usize) -> Vec<(u32, f32)>) -> Parts {
    let books = popularity.len();
    let (mut starts, mut indices, mut values) = (vec![0], Vec::new(), Vec::new());
    for place in 0..books {
        let mut row = row(place);
        row.sort_by_key(|(book, _)| *book);
        row.iter().for_each(|&(book, weight)| {
            indices.push(book);
            values.push(weight);
        });
        starts.push(indices.len() as u64);
    }
    let weights = Some(Sparse::checked(books, starts, indices, values).unwrap());
    Parts { popularity, weights, prior, ..Parts::default() }
}

/// Puts an artefact into the object store, as somebody else would.
pub(crate) fn write(place: &Place, version: &str, parts: Parts) {
    let model = Model::from_parts(parts).unwrap();
    let books: Vec<i32> = (1..=i32::try_from(model.books()).unwrap()).collect();
    let mut manifest = Manifest {
        format: FORMAT.to_owned(),
        schema: SCHEMA,
        version: version.to_owned(),
        kind: "blend".to_owned(),
        created_at: 0,
        seconds: 0.0,
        store: String::new(),
        data: Data { books: books.len() as u64, ..Data::default() },
        parameters: [].into(),
        quality: None,
        compared_with: None,
        simulated: false,
        tensors: Tensors::default(),
    };
    let encoded = artefact::encode(&mut manifest, &Trained { books, model }).unwrap();
    let folder = place.model(version);
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("model.safetensors"), encoded.tensors).unwrap();
    fs::write(folder.join("manifest.json"), encoded.manifest).unwrap();
}

/// Lets a version answer, and waits until it does.
pub(crate) async fn activate(server: &Server, version: &str) {
    let request = ActivateModelRequest { version: version.to_owned() };
    server.models().await.activate_model(request).await.unwrap();
    crate::within(10, "it answers", async || {
        (server.recommend(1).await.model_version == version).then_some(())
    })
    .await;
}
