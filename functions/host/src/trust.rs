use std::sync::{Arc, LazyLock};

use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto::ring};

static TRUST: LazyLock<Arc<ClientConfig>> = LazyLock::new(|| {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring knows the versions of TLS that rustls has by default");
    Arc::new(config.with_root_certificates(roots).with_no_client_auth())
});

/// How others' TLS is spoken: trusting whom the machine trusts, as that was at the first use.
#[must_use]
pub fn trust() -> Arc<ClientConfig> {
    Arc::clone(&TRUST)
}
