//! A registry, asked what a tag means: the distribution API of OCI, `HEAD /v2/<repository>/manifests/<tag>`, with a token where it
//! wants one. Reads no layer.

use std::borrow::Cow;

use serde::Deserialize;
use ureq::http::Response;
use ureq::tls::{RootCerts, TlsConfig};
use ureq::unversioned::transport::DefaultConnector;
use ureq::{Agent, Body};
use zeroize::Zeroizing;

use super::lock::Pinned;
use super::login::{self, LoginError};
use super::names::Names;
use super::reference::Tagged;

/// What is taken for an image: a list of several architectures, or one.
const KINDS: &str = "application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.list.v2+json, \
     application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json";

/// The largest manifest that is read: registries take no larger one (distribution/spec, pushing manifests).
const LARGEST: u64 = 4 << 20;

/// The largest answer of a server of tokens.
const LARGEST_TOKEN: u64 = 1 << 20;

/// Why a tag cannot be resolved.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum RegistryError {
    #[error("it names no registry")]
    NoRegistry,
    #[error(transparent)]
    Login(#[from] LoginError),
    #[error("the login that the description has for {registry} cannot be read")]
    Given { registry: String, source: Box<dyn std::error::Error + Send + Sync> },
    #[error("{server} does not answer")]
    Silent { server: String, source: Box<ureq::Error> },
    #[error("{registry} has no such image")]
    Absent { registry: String },
    #[error("{registry} lets nobody see it without another login")]
    Denied { registry: String },
    #[error("{server} answers with status {status}")]
    Status { server: String, status: u16 },
    #[error("{server} answers with what is no {what}")]
    Answer { server: String, what: &'static str },
    #[error("{registry} sends logins to {realm}, which is not encrypted")]
    Realm { registry: String, realm: String },
}

impl RegistryError {
    /// Whether the next question to the same registry would end in the same way, each time after as long.
    pub fn is_silence(&self) -> bool {
        matches!(self, Self::Silent { .. })
    }

    /// Returns what to do about it.
    pub fn help(&self) -> String {
        match self {
            Self::NoRegistry => {
                "write its registry into the description, as in `docker.io/library/…`".to_owned()
            }
            Self::Login(_) => "`podman login REGISTRY` writes it anew".to_owned(),
            Self::Given { .. } => {
                "`--identity FILE` names the private key of an operator, `kolla-lang secrets list` says what is wrong with a secret"
                    .to_owned()
            }
            Self::Silent { server, .. } => format!(
                "look whether {server} can be reached from here; `--plain-http {server}` asks one without TLS, `--podman` asks no registry"
            ),
            Self::Absent { .. } => "look at its name and its tag in the description".to_owned(),
            Self::Denied { registry } => {
                format!("`podman login {registry}`, or a login in the description, `registries.\"{registry}\"`")
            }
            Self::Status { .. } | Self::Answer { .. } => {
                "look whether this is a registry; `--podman` asks the podman of this machine instead"
                    .to_owned()
            }
            Self::Realm { .. } => "ask whoever runs the registry".to_owned(),
        }
    }
}

/// A login that a description has for an image, `registry/repository`, as it stands behind `Basic` in a request; nothing where it has none.
pub type Given<'a> =
    &'a dyn Fn(&str) -> Option<Result<Zeroizing<String>, Box<dyn std::error::Error + Send + Sync>>>;

/// Asks registries.
pub struct Asker<'a> {
    agent: Agent,
    /// Logins that count before those of this machine.
    given: Given<'a>,
    /// Registries that are asked without TLS.
    plain: Vec<String>,
}

impl<'a> Asker<'a> {
    /// Makes one that asks some registries without TLS, beside those of this machine.
    pub fn new(plain: Vec<String>, given: Given<'a>) -> Self {
        let tls = TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build();
        let config = Agent::config_builder()
            .timeout_global(Some(super::ANSWER_WITHIN))
            .http_status_as_error(false)
            .tls_config(tls)
            .build();
        Self { agent: Agent::with_parts(config, DefaultConnector::new(), Names), given, plain }
    }

    /// Asks what a tag means.
    pub fn resolve(&self, image: &Tagged<'_>) -> Result<Pinned, RegistryError> {
        let Tagged { registry, repository, tag } = image;
        let registry = registry.ok_or(RegistryError::NoRegistry)?;
        let scheme = if self.is_plain(registry) { "http" } else { "https" };
        let (server, repository) = (server_of(registry), &*within(registry, repository));
        let url = format!("{scheme}://{server}/v2/{repository}/manifests/{tag}");
        let mut login = None;
        let mut answer = self.call(registry, self.agent.head(&url), None)?;
        if answer.status().as_u16() == 401 {
            let challenge = challenge(&answer).ok_or_else(|| no(registry, "challenge for a login"))?;
            let basic = self.login(registry, repository)?;
            login = Some(self.authorization(registry, repository, &challenge, basic)?);
            answer = self.call(registry, self.agent.head(&url), login.as_deref().map(String::as_str))?;
        }
        check(registry, &answer)?;
        if let Some(header) = answer.headers().get("docker-content-digest") {
            let digest = header.to_str().ok().and_then(Pinned::parse);
            return digest.ok_or_else(|| no(registry, "digest of SHA-256"));
        }
        // A registry need not say it, and then the manifest itself does.
        let mut answer = self.call(registry, self.agent.get(&url), login.as_deref().map(String::as_str))?;
        check(registry, &answer)?;
        let bytes = answer.body_mut().with_config().limit(LARGEST).read_to_vec();
        match bytes.map_err(|source| silent(registry, source))? {
            bytes if serde_json::from_slice::<serde::de::IgnoredAny>(&bytes).is_ok() => {
                Ok(Pinned::of(&bytes))
            }
            _ => Err(no(registry, "manifest")),
        }
    }

    /// Asks a registry whether it is one and takes the login that there is for a repository, before much is sent to it.
    pub fn greet(&self, registry: &str, repository: &str) -> Result<(), RegistryError> {
        let scheme = if self.is_plain(registry) { "http" } else { "https" };
        let url = format!("{scheme}://{}/v2/", server_of(registry));
        let mut answer = self.call(registry, self.agent.get(&url), None)?;
        if answer.status().as_u16() == 401 {
            let challenge = challenge(&answer).ok_or_else(|| no(registry, "challenge for a login"))?;
            let basic = self.login(registry, repository)?;
            let login = self.authorization(registry, repository, &challenge, basic)?;
            answer = self.call(registry, self.agent.get(&url), Some(&login))?;
        }
        match check(registry, &answer) {
            Err(RegistryError::Absent { registry }) => {
                Err(RegistryError::Status { server: registry, status: 404 })
            }
            checked => checked,
        }
    }

    /// Returns the login for a repository: that of the description, else one that `podman login` keeps.
    fn login(&self, registry: &str, repository: &str) -> Result<Option<Zeroizing<String>>, RegistryError> {
        match (self.given)(&format!("{registry}/{repository}")) {
            Some(Ok(basic)) => Ok(Some(basic)),
            Some(Err(source)) => Err(RegistryError::Given { registry: registry.to_owned(), source }),
            None => Ok(login::find(registry, repository)?),
        }
    }

    /// Whether a registry is asked without TLS: this machine is, as nobody listens in between.
    pub fn is_plain(&self, registry: &str) -> bool {
        let host = match registry.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => host,
            _ => registry,
        };
        ["localhost", "127.0.0.1", "[::1]"].contains(&host) || self.plain.iter().any(|it| it == registry)
    }

    fn call(
        &self,
        server: &str,
        request: ureq::RequestBuilder<ureq::typestate::WithoutBody>,
        login: Option<&str>,
    ) -> Result<Response<Body>, RegistryError> {
        let mut request = request.header("accept", KINDS);
        if let Some(login) = login {
            request = request.header("authorization", login);
        }
        request.call().map_err(|source| silent(server, source))
    }

    /// Returns what to say to a registry that wants to know who asks.
    fn authorization(
        &self,
        registry: &str,
        repository: &str,
        challenge: &Challenge,
        basic: Option<Zeroizing<String>>,
    ) -> Result<Zeroizing<String>, RegistryError> {
        let denied = || RegistryError::Denied { registry: registry.to_owned() };
        let basic = basic.map(|it| Zeroizing::new(format!("Basic {}", *it)));
        let (realm, service) = match challenge {
            Challenge::Basic => return basic.ok_or_else(denied),
            Challenge::Bearer { realm, service } => (realm, service),
        };
        let may_be_asked =
            realm.starts_with("https://") || realm.starts_with("http://") && self.is_plain(registry);
        if !may_be_asked {
            return Err(RegistryError::Realm { registry: registry.to_owned(), realm: realm.clone() });
        }
        let scope = format!("repository:{repository}:pull");
        let mut request = self.agent.get(realm).query("scope", scope);
        if let Some(service) = service {
            request = request.query("service", service);
        }
        let mut answer = self.call(realm, request, basic.as_deref().map(String::as_str))?;
        match answer.status().as_u16() {
            200 => {}
            401 | 403 => return Err(denied()),
            status => return Err(RegistryError::Status { server: realm.clone(), status }),
        }
        let bytes = answer.body_mut().with_config().limit(LARGEST_TOKEN).read_to_vec();
        let bytes = Zeroizing::new(bytes.map_err(|source| silent(realm, source))?);
        let token: Token = serde_json::from_slice(&bytes).map_err(|_| no(realm, "token"))?;
        let token = token.token.or(token.access_token).ok_or_else(|| no(realm, "token"))?;
        Ok(Zeroizing::new(format!("Bearer {}", *token)))
    }
}

/// Where the registry of a name is asked: that of Docker has another one.
fn server_of(registry: &str) -> &str {
    if registry == "docker.io" { "registry-1.docker.io" } else { registry }
}

/// What a registry calls a repository: that of Docker keeps those of one word below `library`.
fn within<'a>(registry: &str, repository: &'a str) -> Cow<'a, str> {
    if registry == "docker.io" && !repository.contains('/') {
        return format!("library/{repository}").into();
    }
    repository.into()
}

#[derive(Deserialize)]
struct Token {
    token: Option<Zeroizing<String>>,
    access_token: Option<Zeroizing<String>>,
}

fn silent(server: &str, source: ureq::Error) -> RegistryError {
    RegistryError::Silent { server: server.to_owned(), source: Box::new(source) }
}

fn no(server: &str, what: &'static str) -> RegistryError {
    RegistryError::Answer { server: server.to_owned(), what }
}

fn check(registry: &str, answer: &Response<Body>) -> Result<(), RegistryError> {
    let registry = registry.to_owned();
    match answer.status().as_u16() {
        200 => Ok(()),
        404 => Err(RegistryError::Absent { registry }),
        // Registries of which one may not know what they have say so of what they do not have.
        401 | 403 => Err(RegistryError::Denied { registry }),
        status => Err(RegistryError::Status { server: registry, status }),
    }
}

/// How a registry wants to know who asks.
#[derive(Debug, PartialEq, Eq)]
enum Challenge {
    Basic,
    Bearer { realm: String, service: Option<String> },
}

fn challenge(answer: &Response<Body>) -> Option<Challenge> {
    let all = answer.headers().get_all("www-authenticate");
    all.iter().filter_map(|it| it.to_str().ok()).find_map(parse_challenge)
}

/// Reads `Bearer realm="…",service="…"` (RFC 6750, section 3), or `Basic …`.
fn parse_challenge(text: &str) -> Option<Challenge> {
    let (scheme, rest) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
    if scheme.eq_ignore_ascii_case("basic") {
        return Some(Challenge::Basic);
    }
    if !scheme.eq_ignore_ascii_case("bearer") {
        return None;
    }
    let (mut realm, mut service, mut rest) = (None, None, rest.trim());
    while let Some((name, behind)) = rest.split_once("=\"") {
        let (value, behind) = behind.split_once('"')?;
        match name.trim_matches([',', ' ']).to_ascii_lowercase().as_str() {
            "realm" => realm = Some(value.to_owned()),
            "service" => service = Some(value.to_owned()),
            _ => {}
        }
        rest = behind;
    }
    realm.map(|realm| Challenge::Bearer { realm, service })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenges_are_read() {
        let bearer = |realm: &str, service: Option<&str>| {
            Some(Challenge::Bearer { realm: realm.to_owned(), service: service.map(str::to_owned) })
        };
        let text = r#"Bearer realm="https://auth.example/token",service="registry.example",scope="repository:a,b:pull""#;
        assert_eq!(parse_challenge(text), bearer("https://auth.example/token", Some("registry.example")));
        assert_eq!(parse_challenge(r#"bearer service="a", realm="b""#), bearer("b", Some("a")));
        assert_eq!(parse_challenge("Basic realm=\"x\""), Some(Challenge::Basic));
        assert_eq!(parse_challenge("Bearer realm=\"x"), None);
        assert_eq!(parse_challenge("Negotiate"), None);
    }

    #[test]
    fn only_this_machine_and_who_is_named_is_asked_without_tls() {
        let asker = Asker::new(vec!["192.0.2.1:4000".to_owned()], &|_| None);
        let plain = ["localhost:5000", "127.0.0.1:5000", "[::1]:5000", "192.0.2.1:4000"];
        assert!(plain.iter().all(|it| asker.is_plain(it)));
        let tls = ["quay.io", "192.0.2.1", "192.0.2.1:4001", "localhost.example", "127.0.0.1.example:80"];
        assert!(tls.iter().all(|it| !asker.is_plain(it)));
    }
}
