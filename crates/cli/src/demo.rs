//! What `insula up --demo` makes: an organization with all that the blueprint's `[demo]` says, once.
//!
//! What must always hold: a start that finds what an earlier one made goes on with it, and no password is used before it
//! is kept.

use crate::{
    client::{self, Client},
    development::{Demo, Development, Person},
    output::{Failed, Output},
    up::random_text,
};
use insula_blueprint::{Compiled, Demo as Declared, DemoCall, DemoKey};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

const OWNER: &str = "owner@demo.localhost";
const SLUG: &str = "demo";
/// The key that is made where the blueprint declares none.
const ONLY_KEY: &str = "Demo";

impl Demo {
    /// A demo that is to be made, with passwords for everyone in it.
    pub(crate) fn fresh() -> Self {
        Self {
            org: SLUG.to_owned(),
            email: OWNER.to_owned(),
            password: random_text(15, false),
            api_key: None,
            keys: BTreeMap::new(),
            members: BTreeMap::new(),
            is_called: false,
        }
    }

    /// With a password for each member that the blueprint declares.
    pub(crate) fn with_members(&mut self, declared: &Declared) {
        for member in &declared.members {
            let fresh = || Person {
                email: format!("{}@demo.localhost", member.key),
                password: random_text(15, false),
            };
            self.members.entry(member.key.clone()).or_insert_with(fresh);
        }
    }
}

/// Makes the organization, its projects, keys and members, or finds them as an earlier start left them.
pub(crate) fn make(url: &str, blueprint: &Compiled, known: &mut Development) -> Result<(), Failed> {
    let declared = blueprint.demo();
    let Some(demo) = known.demo.as_mut() else { return Ok(()) };
    let mut client = Client::anonymous(url);
    let mut organization = json!({ "name": declared.organization, "slug": demo.org });
    if let Some(plan) = declared.plan.and_then(|plan| blueprint.plan(plan)) {
        organization["plan"] = json!(plan.name);
    }
    let body = json!({
        "organization": organization,
        "owner": { "email": demo.email, "password": demo.password, "display_name": "Demo Owner" },
        "client": "native",
    });
    if is_new(client.post("/v1/signup", &body))? {
        (demo.api_key, demo.is_called) = (None, false);
        demo.keys.clear();
    }
    client.sign_in(&demo.email, &demo.password, Some(&demo.org))?;
    for project in &declared.projects {
        let body = json!({ "name": project.name, "slug": project.slug });
        is_new(client.post(&format!("/v1/orgs/{}/projects", demo.org), &body))?;
    }
    let only =
        [DemoKey { name: ONLY_KEY.to_owned(), project: None, environment: "development", scopes: None }];
    let keys = if declared.keys.is_empty() { &only[..] } else { &declared.keys };
    for key in keys {
        make_key(&client, blueprint, key, demo)?;
    }
    demo.api_key = keys.first().and_then(|key| demo.keys.get(&key.name)).cloned();
    for member in &declared.members {
        let Some(person) = demo.members.get(&member.key) else { continue };
        let body = json!({ "email": person.email, "role": member.role });
        let invited = client.post(&format!("/v1/orgs/{}/invitations", demo.org), &body);
        let invited = match invited {
            Err(failed) if status(&failed) == Some(409) => continue,
            invited => invited?,
        };
        let token =
            invited["link"].as_str().and_then(|link| link.split_once("#token=")).map(|(_, token)| token);
        let body = json!({
            "token": token, "password": person.password, "display_name": member.name, "client": "native",
        });
        Client::anonymous(url).post("/v1/invitations/accept", &body)?;
    }
    Ok(())
}

fn make_key(client: &Client, blueprint: &Compiled, key: &DemoKey, demo: &mut Demo) -> Result<(), Failed> {
    if demo.keys.get(&key.name).is_some_and(|secret| client::is_recognised(client.url(), secret)) {
        return Ok(());
    }
    let everything = || {
        let all = blueprint.permissions().iter().map(|(name, _)| name);
        let is_own = |name: &&str| insula_blueprint::own::ALL.iter().any(|own| own.name == *name);
        all.filter(|name| !is_own(name)).chain(["usage:read"]).map(str::to_owned).collect()
    };
    let mut body = json!({
        "name": key.name,
        "environment": key.environment,
        "scopes": key.scopes.clone().unwrap_or_else(everything),
    });
    if let Some(slug) = &key.project {
        let project = client.get(&format!("/v1/orgs/{}/projects/{slug}", demo.org))?;
        body["project"] = project["id"].clone();
    }
    let made = client.post(&format!("/v1/orgs/{}/api-keys", demo.org), &body)?;
    let secret = made["secret"].as_str().unwrap_or_default().to_owned();
    demo.keys.insert(key.name.clone(), secret);
    Ok(())
}

/// Makes the calls that the blueprint says are made once. What is answered with a problem is told, and goes on.
pub(crate) fn call(url: &str, blueprint: &Compiled, demo: &mut Demo, output: &Output) {
    if std::mem::replace(&mut demo.is_called, true) {
        return;
    }
    for (call, times) in &blueprint.demo().calls {
        let Some(key) = key_of(call, demo) else { continue };
        let client = Client::anonymous(url).with_token(key);
        for _ in 0..*times {
            if let Err(failed) = client.call(&call.method, &call.target, call.body.as_ref()) {
                output.progress(&format!("demo: {} {}: {}", call.method, call.target, failed.message));
                break;
            }
        }
    }
}

fn key_of<'d>(call: &DemoCall, demo: &'d Demo) -> Option<&'d str> {
    let named = call.key.as_ref().and_then(|name| demo.keys.get(name));
    named.or(demo.api_key.as_ref()).map(String::as_str)
}

/// A call to try: the one that the blueprint says, or else the first route that needs no more than its path.
pub(crate) fn curl(url: &str, blueprint: &Compiled, demo: &Demo) -> Option<String> {
    let declared = blueprint.demo().call.clone();
    let call = declared.or_else(|| {
        let plain = |pattern: &&str| !pattern.contains('{');
        let routes = || blueprint.routes().iter().map(|route| route.pattern.as_str()).filter(plain);
        let pattern = routes().find(|pattern| pattern.starts_with("GET ")).or_else(|| routes().next())?;
        let (method, path) = pattern.split_once(' ')?;
        let method = if method == "*" { "GET" } else { method };
        Some(DemoCall { method: method.to_owned(), target: path.to_owned(), body: None, key: None })
    })?;
    let key = key_of(&call, demo)?;
    let method = if call.method == "GET" { String::new() } else { format!("-X {} ", call.method) };
    let body = call.body.as_ref().map_or_else(String::new, |body| {
        format!("-H 'Content-Type: application/json' -d {} ", in_quotes(&body.to_string()))
    });
    let target = in_quotes(&format!("{url}{}", call.target));
    // Without need, quotes are only in the way of reading.
    let target = if call.target.contains(['?', '&', '*', '$', '(', ')', ';', '!']) {
        target
    } else {
        format!("{url}{}", call.target)
    };
    Some(format!("curl -i {method}-H 'Authorization: Bearer {key}' {body}{target}"))
}

/// A word for a shell, as POSIX quotes it.
fn in_quotes(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Whether something was made, rather than there already.
fn is_new(made: Result<Json, Failed>) -> Result<bool, Failed> {
    match made {
        Ok(_) => Ok(true),
        Err(failed) if status(&failed) == Some(409) => Ok(false),
        Err(failed) => Err(failed),
    }
}

fn status(failed: &Failed) -> Option<u64> {
    failed.detail.as_ref()?["status"].as_u64()
}

#[cfg(test)]
mod tests {
    use super::in_quotes;

    #[test]
    fn a_shell_reads_a_quoted_word_as_it_is() {
        for text in [r#"{"a":"it's $HOME `x` \ ! 7"}"#, "", "'", "a\nb"] {
            let output = std::process::Command::new("sh")
                .args(["-c", &format!("printf %s {}", in_quotes(text))])
                .output();
            assert_eq!(String::from_utf8_lossy(&output.map(|done| done.stdout).unwrap_or_default()), text);
        }
    }
}
