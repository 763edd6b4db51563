//! The Cover studio: a picture in, and what a function makes of it out.
//!
//! A form is answered with the address of its result, so that it can be looked at again. Pictures are shown from there, and what a
//! function has written is shown as text: nothing that a guest answers becomes part of a page.

mod trouble;
mod upload;

use std::{sync::Arc, time::Duration};

use askama::Template;
use axum::{
    Extension,
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Redirect, Response},
};
use service::trace::TraceContext;

use self::{trouble::Trouble, upload::Upload};
use super::{
    NotOurs,
    error::{Problem, Whole},
    personal,
};
use crate::{
    functions::Function,
    layout::Layout,
    operators::IsOperator,
    origin::OurPage,
    sender::Sender,
    shop::Shop,
    statics::{STUDIO_SCRIPT, STUDIO_STYLE},
    studio::{After, Picture, Tried},
};

/// Where pictures are sent.
pub(crate) const PATH: &str = "/studio";
/// The longest request that is read to its end, so that its sender can be told that a picture is too long.
pub(crate) const MAX_BODY: usize = 4 * MAX_PICTURE;
/// The longest picture.
const MAX_PICTURE: usize = 8_000_000;
/// The longest time, most of it for a slow line.
pub(crate) const TIME: Duration = Duration::from_secs(90);

#[derive(Template)]
#[template(path = "studio.html")]
struct Page<'a> {
    layout: Layout,
    own_style: &'static str,
    own_script: &'static str,
    most: usize,
    trouble: Option<&'a Trouble>,
    /// For operators, what there is to do about it.
    inside: Option<&'a str>,
    tried: Option<Shown<'a>>,
    /// `None`: functions does not answer.
    functions: Option<&'a [Function]>,
    /// The name of the one that is chosen.
    chosen: &'a str,
}

/// A result.
struct Shown<'a> {
    name: &'a str,
    tried: &'a Tried,
    /// The address of a search for what the picture shows.
    search: Option<String>,
}

/// `GET /studio`
pub(crate) async fn page(
    State(shop): State<Arc<Shop>>,
    Extension(trace): Extension<TraceContext>,
) -> Response {
    show(&shop, &trace, None, "", IsOperator(false)).await
}

/// `POST /studio`
pub(crate) async fn work(
    State(shop): State<Arc<Shop>>,
    Extension(trace): Extension<TraceContext>,
    Sender(address): Sender,
    operator: IsOperator,
    request: HeaderMap,
    _: OurPage,
    body: Body,
) -> Response {
    let mut chosen = String::new();
    let place = match shop.studio.place(address) {
        Ok(place) => place,
        Err(full) => {
            upload::drain(body).await;
            return show(&shop, &trace, Some(&Trouble::Full(full)), &chosen, operator).await;
        }
    };
    let tried = work_on(&shop, &trace, &request, body, &mut chosen).await;
    drop(place);
    match tried {
        Ok(tried) => {
            let name = shop.studio.results.keep(tried);
            Redirect::to(&format!("{PATH}/{name}")).into_response()
        }
        Err(trouble) => show(&shop, &trace, Some(&trouble), &chosen, operator).await,
    }
}

/// `GET /studio/{name}`
pub(crate) async fn result(
    State(shop): State<Arc<Shop>>,
    Extension(trace): Extension<TraceContext>,
    Path(name): Path<String>,
) -> Response {
    let Some(tried) = shop.studio.results.find(&name) else {
        return show(&shop, &trace, Some(&Trouble::Forgotten), "", IsOperator(false)).await;
    };
    let functions = shop.functions.of_pictures(&trace).await;
    let search = match &tried.after {
        After::Words(words) => words.label.as_deref().map(search),
        After::Picture(_) => None,
    };
    let mut page = Page::new(&shop, format!("{} – Cover studio – Shelfwise", tried.title));
    page.tried = Some(Shown { name: &name, tried: &tried, search });
    page.functions = functions.as_deref().ok();
    page.chosen = &tried.function;
    answer(&page, StatusCode::OK)
}

/// `GET /studio/{name}/before`
pub(crate) async fn before(State(shop): State<Arc<Shop>>, Path(name): Path<String>) -> Response {
    let tried = shop.studio.results.find(&name);
    tried.map_or_else(|| Problem::NotFound.into_response(), |tried| file("picture", &tried.before))
}

/// `GET /studio/{name}/after`
pub(crate) async fn after(State(shop): State<Arc<Shop>>, Path(name): Path<String>) -> Response {
    match shop.studio.results.find(&name).as_deref() {
        Some(Tried { function, after: After::Picture(picture), .. }) => file(function, picture),
        Some(Tried { after: After::Words(_), .. }) | None => Problem::NotFound.into_response(),
    }
}

/// Has the chosen function work on what was sent. What was chosen is known even if it comes to nothing.
async fn work_on(
    shop: &Shop,
    trace: &TraceContext,
    request: &HeaderMap,
    body: Body,
    chosen: &mut String,
) -> Result<Tried, Trouble> {
    let upload = Upload::read(request, body).await?;
    chosen.clone_from(&upload.function);
    if upload.too_long {
        return Err(Trouble::TooLong);
    }
    let before = match upload.picture {
        Some(bytes) => Picture::new(bytes).ok_or(Trouble::NoPicture)?,
        // Another function is to work on what was sent before.
        None => {
            let same = upload.same.and_then(|name| shop.studio.results.find(&name));
            same.map(|tried| tried.before.clone()).ok_or(Trouble::NothingChosen)?
        }
    };
    let functions = shop.functions.of_pictures(trace).await?;
    let function = functions.iter().find(|one| one.name == upload.function).ok_or(Trouble::NoFunction)?;
    let (kind, bytes) = (before.format.content_type(), before.bytes.clone());
    let answer = shop.functions.call(trace, &function.name, kind, bytes).await?;
    let after = After::read(&answer.content_type, answer.body).ok_or(Trouble::Odd)?;
    Ok(Tried { function: function.name.clone(), title: function.title.clone(), before, after })
}

/// The form, with what has gone wrong.
async fn show(
    shop: &Shop,
    trace: &TraceContext,
    trouble: Option<&Trouble>,
    chosen: &str,
    IsOperator(operator): IsOperator,
) -> Response {
    let functions = shop.functions.of_pictures(trace).await;
    let mut page = Page::new(shop, "Cover studio – Shelfwise");
    page.trouble = trouble;
    page.inside = trouble.and_then(Trouble::inside).filter(|_| operator);
    page.functions = functions.as_deref().ok();
    page.chosen = chosen;
    let status = match (trouble, &functions) {
        (Some(trouble), _) => trouble.status(),
        (None, Ok(_)) => StatusCode::OK,
        (None, Err(_)) => StatusCode::SERVICE_UNAVAILABLE,
    };
    answer(&page, status)
}

fn answer(page: &Page<'_>, status: StatusCode) -> Response {
    const SOON: HeaderValue = HeaderValue::from_static("2");
    let mut answer = personal(page);
    *answer.status_mut() = status;
    answer.extensions_mut().insert(Whole);
    let headers = answer.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    if matches!(status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS) {
        headers.insert(header::RETRY_AFTER, SOON);
    }
    answer
}

/// What came from a reader or a guest, as nothing but a picture.
fn file(name: &str, picture: &Picture) -> Response {
    let format = picture.format;
    let name = format!("inline; filename=\"{name}.{}\"", format.extension());
    let head = [
        (header::CONTENT_TYPE, format.content_type().to_owned()),
        (header::CONTENT_DISPOSITION, name),
        (header::CACHE_CONTROL, "private, max-age=600".to_owned()),
    ];
    let mut answer = (head, picture.bytes.clone()).into_response();
    answer.extensions_mut().insert(NotOurs);
    answer
}

fn search(label: &str) -> String {
    const PATH: &str = "/search?";
    let mut text = form_urlencoded::Serializer::for_suffix(PATH.to_owned(), PATH.len());
    text.append_pair("q", label).finish()
}

impl<'a> Page<'a> {
    fn new(shop: &Shop, title: impl Into<String>) -> Self {
        let layout = shop.layout(title, PATH);
        Self {
            layout: layout.describe("Try what our functions make of a picture of yours."),
            own_style: &STUDIO_STYLE.address,
            own_script: &STUDIO_SCRIPT.address,
            most: MAX_PICTURE,
            trouble: None,
            inside: None,
            tried: None,
            functions: None,
            chosen: "",
        }
    }

    fn all(&self) -> &[Function] {
        self.functions.unwrap_or_default()
    }

    fn has_nothing(&self) -> bool {
        self.all().is_empty()
    }

    /// The name of the one that is marked: the first if none is chosen.
    fn selected(&self) -> &str {
        let known = self.all().iter().find(|one| one.name == self.chosen);
        known.or(self.all().first()).map_or("", |function| &function.name)
    }
}
