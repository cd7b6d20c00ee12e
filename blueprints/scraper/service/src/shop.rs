//! A small shop to scrape: for trying the service out, and for its tests. Everything on it is made up.
//!
//! | page | |
//! | --- | --- |
//! | `/` | links to the categories |
//! | `/category/{name}?page=1` | products with prices, ten on a page, and a link to the next |
//! | `/product/{number}` | one product |
//! | `/robots.txt` | forbids `/internal/`, all but `/internal/press` |
//! | `/internal/prices`, `/internal/press` | what must not be fetched, and what may be |
//! | `/slow` | takes three seconds |
//! | `/gate/{name}` | waits until somebody opens it with `PUT`; `/gate/{name}/waiting?count=2` waits until so many wait |
//! | `/broken`, `/malformed`, `/big`, `/file` | 500; a page that no validator likes; 20 MB; no page at all |
//! | `/moved`, `/loop`, `/away` | redirects: to a category, to itself, to an address inside of somebody's network |
//! | `/visits` | how often each page was asked for, as JSON |

use axum::{
    Json, Router,
    body::Body,
    extract::{Path, Query, Request, State},
    middleware::{self, Next},
    response::{Html, IntoResponse as _, Redirect, Response},
    routing::get,
};
use bytes::Bytes;
use http::{StatusCode, header};
use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{net::TcpListener, sync::watch, time::sleep};

const CATEGORIES: [&str; 3] = ["lamps", "chairs", "rugs"];
const ADJECTIVES: [&str; 5] = ["Small", "Large", "Plain", "Striped", "Folding"];
const MATERIALS: [&str; 5] = ["oak", "brass", "wool", "linen", "glass"];
/// Products of each category, and on each page.
const PRODUCTS: usize = 25;
const ON_PAGE: usize = 10;
/// How long `/slow` takes.
const SLOW: Duration = Duration::from_secs(3);
/// How large `/big` is.
const BIG: usize = 20_000_000;
/// How many gates and pages are remembered.
const REMEMBERED: usize = 1_000;

const ROBOTS: &str = "User-agent: *\nDisallow: /internal/\nAllow: /internal/press\n";
const MALFORMED: &str = "<title>Sale</title><body><div class=product><h2 class=name>Crooked lamp<span class=price>$5.00</div>\
                         </span></p><table><div class=product><h2 class=name>Lost chair</table><b><i>Bye</b>";

/// A gate: whether it is open, and how many wait.
#[derive(Clone, Copy, Default)]
struct Gate {
    is_open: bool,
    waiting: usize,
}

#[derive(Clone, Default)]
struct Shop(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    gates: BTreeMap<String, watch::Sender<Gate>>,
    visits: BTreeMap<String, u64>,
}

impl Shop {
    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn gate(&self, name: &str) -> Option<watch::Sender<Gate>> {
        let mut shop = self.lock();
        let has_room = shop.gates.len() < REMEMBERED;
        if let Some(gate) = shop.gates.get(name) {
            return Some(gate.clone());
        }
        has_room.then(|| shop.gates.entry(name.to_owned()).or_default().clone())
    }
}

/// Serves the shop for as long as it isn't dropped.
///
/// # Errors
///
/// Where the listener fails.
pub async fn serve(listener: TcpListener) -> io::Result<()> {
    let shop = Shop::default();
    let router = Router::new()
        .route("/", get(index))
        .route("/category/{name}", get(category))
        .route("/product/{number}", get(product))
        .route("/robots.txt", get(async || ROBOTS))
        .route("/internal/prices", get(async || page("Prices", "<p class=\"price\">$0.01</p>")))
        .route("/internal/press", get(async || page("Press", "<p class=\"news\">We have lamps.</p>")))
        .route("/slow", get(slow))
        .route("/gate/{name}", get(gate).put(open))
        .route("/gate/{name}/waiting", get(waiting))
        .route("/broken", get(async || (StatusCode::INTERNAL_SERVER_ERROR, page("Broken", "<p>Sorry.</p>"))))
        .route("/malformed", get(async || Html(MALFORMED.to_owned())))
        .route("/big", get(async || Body::from(Bytes::from(vec![b'x'; BIG]))))
        .route("/file", get(async || ([(header::CONTENT_TYPE, "application/pdf")], "%PDF-1.4")))
        .route("/moved", get(async || Redirect::temporary("/category/lamps")))
        .route("/loop", get(async || Redirect::temporary("/loop")))
        .route("/away", get(async || Redirect::temporary("http://169.254.169.254/latest/meta-data/")))
        .route("/visits", get(visits))
        .layer(middleware::from_fn_with_state(shop.clone(), count))
        .with_state(shop);
    axum::serve(listener, router).await
}

async fn count(State(shop): State<Shop>, request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    {
        let mut shop = shop.lock();
        if shop.visits.len() < REMEMBERED || shop.visits.contains_key(&path) {
            *shop.visits.entry(path).or_default() += 1;
        }
    }
    next.run(request).await
}

async fn visits(State(shop): State<Shop>) -> Json<BTreeMap<String, u64>> {
    Json(shop.lock().visits.clone())
}

fn page(title: &str, body: &str) -> Html<String> {
    Html(format!(
        "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>{title} – The Small Shop</title>\n\
         <body>\n<h1>{title}</h1>\n{body}\n</body></html>\n"
    ))
}

async fn index() -> Html<String> {
    let link = |name: &&str| format!("<li><a class=\"category\" href=\"/category/{name}\">{name}</a></li>\n");
    page("Welcome", &format!("<ul>\n{}</ul>", CATEGORIES.iter().map(link).collect::<String>()))
}

/// The name and price of the product with this number.
fn goods(number: usize) -> Option<(String, String)> {
    let category = CATEGORIES.get(number / PRODUCTS)?;
    let kind = category.strip_suffix('s').unwrap_or(category);
    let (adjective, material) = (ADJECTIVES[number % 5], MATERIALS[number / 5 % 5]);
    Some((
        format!("{adjective} {material} {kind}"),
        format!("${}.{:02}", 9 + number * 7 % 90, number * 37 % 100),
    ))
}

async fn category(Path(name): Path<String>, Query(query): Query<BTreeMap<String, String>>) -> Response {
    let number = query.get("page").map_or(Some(1), |page| page.parse::<usize>().ok());
    let place = CATEGORIES.iter().position(|category| *category == name);
    let (Some(place), Some(number @ 1..=3)) = (place, number) else {
        return (StatusCode::NOT_FOUND, page("Not found", "")).into_response();
    };
    let mut body = String::from("<ul>\n");
    for product in (number - 1) * ON_PAGE..PRODUCTS.min(number * ON_PAGE) {
        let product = place * PRODUCTS + product;
        let Some((name, price)) = goods(product) else { continue };
        body.push_str(&format!(
            "<li class=\"product\"><a class=\"name\" href=\"/product/{product}\">{name}</a> \
             <span class=\"price\">{price}</span></li>\n"
        ));
    }
    body.push_str("</ul>\n");
    if number * ON_PAGE < PRODUCTS {
        body.push_str(&format!(
            "<a class=\"next\" href=\"/category/{name}?page={}\">Next page</a>",
            number + 1
        ));
    }
    page(&name, &body).into_response()
}

async fn product(Path(number): Path<usize>) -> Response {
    match goods(number) {
        Some((name, price)) => {
            let image = format!("<img src=\"/image/{number}.png\" alt=\"{name}\">");
            page(&name, &format!("{image}\n<p>Only <span class=\"price\">{price}</span>!</p>"))
                .into_response()
        }
        None => (StatusCode::NOT_FOUND, page("Not found", "")).into_response(),
    }
}

async fn slow() -> Html<String> {
    sleep(SLOW).await;
    page("Slow", "<p class=\"price\">$1.00</p>")
}

fn full() -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, page("Too many gates", "")).into_response()
}

/// Counts one who waits, for as long as they do.
struct Waiting(watch::Sender<Gate>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.send_modify(|gate| gate.waiting -= 1);
    }
}

async fn gate(State(shop): State<Shop>, Path(name): Path<String>) -> Response {
    let Some(gate) = shop.gate(&name) else { return full() };
    gate.send_modify(|gate| gate.waiting += 1);
    let waiting = Waiting(gate);
    // An error is that the gate is gone, and then nobody is kept out.
    let _ = waiting.0.subscribe().wait_for(|gate| gate.is_open).await;
    page("Open", "<p class=\"price\">$2.00</p>").into_response()
}

async fn open(State(shop): State<Shop>, Path(name): Path<String>) -> Response {
    let Some(gate) = shop.gate(&name) else { return full() };
    gate.send_modify(|gate| gate.is_open = true);
    StatusCode::NO_CONTENT.into_response()
}

async fn waiting(
    State(shop): State<Shop>,
    Path(name): Path<String>,
    Query(query): Query<BTreeMap<String, String>>,
) -> Response {
    let Some(gate) = shop.gate(&name) else { return full() };
    let count = query.get("count").and_then(|count| count.parse().ok()).unwrap_or(1);
    let _ = gate.subscribe().wait_for(|gate| gate.waiting >= count).await;
    StatusCode::NO_CONTENT.into_response()
}
