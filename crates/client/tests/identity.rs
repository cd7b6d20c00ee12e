//! Who calls is believed with the installation's signature, and for this upstream alone.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod support;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use ed25519_dalek::{Signer as _, SigningKey};
use insula_client::Error;
use serde_json::{Value as Json, json};
use support::Installation;

const NOW: i64 = 1_767_225_600;

fn signed(key: &SigningKey, header: &Json, claims: &Json) -> String {
    let signed = format!("{}.{}", BASE64.encode(header.to_string()), BASE64.encode(claims.to_string()));
    let signature = BASE64.encode(key.sign(signed.as_bytes()).to_bytes());
    format!("{signed}.{signature}")
}

fn header() -> Json {
    json!({ "alg": "EdDSA", "typ": "insula-identity+jwt", "kid": "sig_1" })
}

fn claims() -> Json {
    json!({
        "iss": "http://insula.test", "aud": "scraper", "sub": "ak_1", "org_id": "org_1", "project_id": "prj_1",
        "team_id": "team_1", "key_id": "ak_1", "environment": "production", "plan": "pro", "priority": 2,
        "permissions": ["scraping:read"], "iat": NOW, "exp": NOW + 120,
    })
}

fn publish(installation: &Installation, kid: &str, key: &SigningKey) {
    let x = BASE64.encode(key.verifying_key().as_bytes());
    let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": kid, "x": x });
    let foreign = json!({ "kty": "RSA", "kid": "other", "n": "AQAB", "e": "AQAB" });
    installation.kept.lock().unwrap().jwks = json!({ "keys": [foreign, jwk] });
}

#[tokio::test]
async fn a_good_token_says_who_calls() {
    let (installation, key) = (Installation::start().await, SigningKey::from_bytes(&[7; 32]));
    publish(&installation, "sig_1", &key);
    let verifier = installation.client().verifier("scraper").issued_by("http://insula.test");
    let token = signed(&key, &header(), &claims());
    for _ in 0..3 {
        let caller = verifier.verify_at(&token, NOW + 60).await.unwrap();
        assert_eq!((caller.org_id.as_str(), caller.project_id.as_deref()), ("org_1", Some("prj_1")));
        assert_eq!((caller.key_id.as_deref(), caller.user_id.as_deref()), (Some("ak_1"), None));
        assert_eq!((caller.plan.as_deref(), caller.priority), (Some("pro"), 2));
        assert!(caller.may("scraping:read") && !caller.may("scraping:write"));
    }
    assert_eq!(installation.kept.lock().unwrap().asked, 1, "the keys are remembered");
    // It was issued long before this machine's own time.
    assert_eq!(verifier.verify(&token).await, Err(Error::Identity("it has expired")));
}

#[tokio::test]
async fn any_other_token_is_refused() {
    let (installation, key) = (Installation::start().await, SigningKey::from_bytes(&[7; 32]));
    publish(&installation, "sig_1", &key);
    let verifier = installation.client().verifier("scraper").issued_by("http://insula.test");
    let refused = async |token: &str| match verifier.verify_at(token, NOW + 60).await {
        Err(Error::Identity(why)) => why,
        other => panic!("{token}: {other:?}"),
    };
    let with = |name: &str, value: Json| {
        let mut claims = claims();
        claims[name] = value;
        signed(&key, &header(), &claims)
    };
    assert_eq!(refused(&with("aud", json!("other"))).await, "it is for another upstream");
    assert_eq!(refused(&with("iss", json!("http://elsewhere"))).await, "it was issued by somebody else");
    assert_eq!(refused(&with("exp", json!(NOW + 50))).await, "it has expired");
    assert_eq!(refused(&with("iat", json!(NOW + 600))).await, "it is of the future");
    assert_eq!(refused(&with("permissions", json!("all"))).await, "it doesn't say what such tokens say");
    for (name, value) in [("alg", "none"), ("alg", "HS256"), ("typ", "at+jwt")] {
        let mut header = header();
        header[name] = json!(value);
        assert_eq!(refused(&signed(&key, &header, &claims())).await, "it is a token of another kind");
    }
    let stranger = SigningKey::from_bytes(&[8; 32]);
    let forged = signed(&stranger, &header(), &claims());
    assert_eq!(refused(&forged).await, "its signature is not the installation's");
    let good = signed(&key, &header(), &claims());
    for place in 0..good.len() {
        let mut wrong = good.clone().into_bytes();
        wrong[place] = if wrong[place] == b'A' { b'B' } else { b'A' };
        refused(&String::from_utf8(wrong).unwrap()).await;
    }
    for none in ["", ".", "..", "a.b.c", &"x".repeat(100_000)] {
        refused(none).await;
    }
}

#[tokio::test]
async fn a_new_key_is_asked_for_and_strangers_can_not_make_it_ask_often() {
    let (installation, old) = (Installation::start().await, SigningKey::from_bytes(&[7; 32]));
    publish(&installation, "sig_1", &old);
    let (patient, eager) =
        (installation.client().verifier("scraper"), installation.client().verifier("scraper"));
    let eager = eager.asking_every(std::time::Duration::ZERO);
    let before = signed(&old, &header(), &claims());
    patient.verify_at(&before, NOW).await.unwrap();
    eager.verify_at(&before, NOW).await.unwrap();
    let new = SigningKey::from_bytes(&[9; 32]);
    let mut renewed = header();
    renewed["kid"] = json!("sig_2");
    let after = signed(&new, &renewed, &claims());
    for _ in 0..20 {
        assert!(patient.verify_at(&after, NOW).await.is_err());
    }
    assert_eq!(installation.kept.lock().unwrap().asked, 2, "each asked for the keys once");
    publish(&installation, "sig_2", &new);
    eager.verify_at(&after, NOW).await.unwrap();
    assert!(eager.verify_at(&before, NOW).await.is_err(), "the old key isn't published any more");
}
