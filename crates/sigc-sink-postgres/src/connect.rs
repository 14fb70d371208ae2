//! A connection: the address read, TLS where it has to be.

use crate::failure::Place;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use sigc_catalog::Args;
use sigc_connectors::sinks::address;
use sigc_connectors::sinks::postgres::step::{CA, PASSWORD, TLS, URL, USER};
use sigc_runtime::SinkError;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::JoinHandle;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};
use tokio_postgres::{Client, Config, NoTls};

/// How to reach the server.
pub(crate) struct Target {
    config: Config,
    tls: Option<Tls>,
}

impl Target {
    /// Reads the arguments.
    pub fn of(args: &Args, place: Place<'_>, timeout: Duration) -> Result<Target, SinkError> {
        // The reason could repeat a part of a password that is not written as an address asks.
        let mut config: Config = args.get(&URL).parse().map_err(|_| {
            place.denied(
                "`url` cannot be read".to_owned(),
                "write `postgres://HOST:5432/DATABASE`, characters such as `@ : / ?` in a name or password as `%40` and \
                 so on; options behind `?` are `application_name`, `connect_timeout`, `options`, `sslmode` (`disable` \
                 or `require`), `target_session_attrs`; `tls` and `ca` are parameters of the step",
            )
        })?;
        if let Some(user) = args.get(&USER) {
            config.user(user);
        }
        if let Some(password) = args.get(&PASSWORD) {
            config.password(password);
        }
        if config.get_application_name().is_none() {
            config.application_name("sigc");
        }
        config.connect_timeout(timeout).keepalives_idle(Duration::from_secs(30)).tcp_user_timeout(timeout);
        let local = config.get_hosts().iter().all(|host| match host {
            Host::Tcp(name) => address::is_local(name),
            Host::Unix(_) => true,
        });
        let plain = match args.get(&TLS).as_deref() {
            Some("disable") => true,
            Some(_) => false,
            None => local || config.get_ssl_mode() == SslMode::Disable,
        };
        config.ssl_mode(if plain { SslMode::Disable } else { SslMode::Require });
        let tls = if plain { None } else { Some(Tls::new(args.get(&CA).as_deref(), place)?) };
        Ok(Target { config, tls })
    }

    /// True if what is sent can be read on the way.
    pub fn is_plain(&self) -> bool {
        self.tls.is_none()
    }

    /// Connects.
    pub async fn connect(&self) -> Result<Connection, tokio_postgres::Error> {
        let (client, task) = match &self.tls {
            None => {
                let (client, connection) = self.config.connect(NoTls).await?;
                (client, tokio::spawn(async move { drop(connection.await) }))
            }
            Some(tls) => {
                let (client, connection) = self.config.connect(tls.clone()).await?;
                (client, tokio::spawn(async move { drop(connection.await) }))
            }
        };
        Ok(Connection { client, task: Ends(task) })
    }
}

/// A connection; dropping it closes its socket at once, whatever is under way.
pub(crate) struct Connection {
    /// Sends requests.
    pub client: Client,
    task: Ends,
}

impl Connection {
    /// Ends it in good order.
    pub async fn close(self) {
        let Connection { client, mut task } = self;
        drop(client);
        (&mut task.0).await.ok();
    }
}

/// A task that ends when its owner is dropped.
struct Ends(JoinHandle<()>);

impl Drop for Ends {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// TLS by rustls, with the system's certificates.
#[derive(Clone)]
struct Tls(Arc<ClientConfig>);

impl Tls {
    fn new(ca: Option<&str>, place: Place<'_>) -> Result<Tls, SinkError> {
        let mut roots = RootCertStore::empty();
        // A system without certificates still has those of `ca`.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if let Some(path) = ca {
            let bad = |reason: String| {
                let help = "name a PEM file with the certificate that the server's descends from";
                place.denied(format!("`{path}` is no certificate: {reason}"), help)
            };
            let certificates = CertificateDer::pem_file_iter(path).map_err(|e| bad(e.to_string()))?;
            let mut n = 0;
            for certificate in certificates {
                roots.add(certificate.map_err(|e| bad(e.to_string()))?).map_err(|e| bad(e.to_string()))?;
                n += 1;
            }
            if n == 0 {
                return Err(bad("nothing in it".to_owned()));
            }
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|e| place.denied(format!("no TLS: {e}"), "report this: it should not happen"))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Tls(Arc::new(config)))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> MakeTlsConnect<S> for Tls {
    type Stream = Secured<S>;
    type TlsConnect = ToHost;
    type Error = io::Error;

    fn make_tls_connect(&mut self, domain: &str) -> Result<ToHost, io::Error> {
        let name =
            ServerName::try_from(domain.to_owned()).map_err(|e| io::Error::new(io::ErrorKind::InvalidInput, e))?;
        Ok(ToHost { config: Arc::clone(&self.0), name })
    }
}

/// TLS with one host.
struct ToHost {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> TlsConnect<S> for ToHost {
    type Stream = Secured<S>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Secured<S>, io::Error>> + Send>>;

    fn connect(self, stream: S) -> Self::Future {
        let connecting = tokio_rustls::TlsConnector::from(self.config).connect(self.name, stream);
        Box::pin(async move { connecting.await.map(Secured) })
    }
}

/// A stream inside TLS.
struct Secured<S>(tokio_rustls::client::TlsStream<S>);

impl<S: AsyncRead + AsyncWrite + Unpin> TlsStream for Secured<S> {
    fn channel_binding(&self) -> ChannelBinding {
        // The certificate is checked; SCRAM without binding to it is what the server then offers as well.
        ChannelBinding::none()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Secured<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Secured<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
