//! Says what a picture shows: an image on stdin, a sentence on stdout.
//!
//! The model lies with the host, which lends it by the standard `wasi:nn` interface. Which one is asked, the variable `MODEL`
//! says: `classify` by default. Of a model `classify`, the host tells the size of the image that it looks at in
//! `NN_CLASSIFY_INPUT` and the names of its classes in `NN_CLASSIFY_LABELS`. It takes an image as uint8 [1, height, width, 3] and
//! gives one byte a class.

mod nn;
mod picture;
mod sentence;

use std::{
    env,
    io::{Read as _, Write as _},
    process::ExitCode,
};

/// sysexits.h: what came in is no image.
const BAD_INPUT: u8 = 65;
/// The same: the host lends no model, or none of this kind.
const NO_MODEL: u8 = 69;

fn main() -> ExitCode {
    let code = match classify() {
        Ok(sentence) if std::io::stdout().write_all(sentence.as_bytes()).is_ok() => return ExitCode::SUCCESS,
        Ok(_) => return ExitCode::FAILURE,
        Err((code, sentence)) => {
            eprintln!("{sentence}");
            code
        }
    };
    ExitCode::from(code)
}

fn classify() -> Result<String, (u8, String)> {
    let name = env::var("MODEL").unwrap_or_else(|_| "classify".to_owned());
    let no_model = |error| (NO_MODEL, format!("The model {name:?} cannot be asked: {error}."));
    // First, so that whoever has not configured one hears of that, whatever the image is.
    let model = nn::Model::load(&name).map_err(no_model)?;
    let variable = |what| env::var(format!("NN_{}_{what}", name.to_ascii_uppercase().replace('-', "_")));
    let (width, height) = variable("INPUT").ok().and_then(|size| picture::size(&size)).unwrap_or((224, 224));

    let mut file = Vec::new();
    std::io::stdin()
        .read_to_end(&mut file)
        .map_err(|error| (BAD_INPUT, format!("The image cannot be read: {error}.")))?;
    let pixels = picture::pixels(&file, width, height).map_err(|error| (BAD_INPUT, error))?;
    let scores = model.run(&[1, height, width, 3], &pixels).map_err(no_model)?;

    let labels = variable("LABELS").unwrap_or_default();
    Ok(sentence::about(&scores, &labels))
}
