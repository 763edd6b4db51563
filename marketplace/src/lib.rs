//! Marketplace.
