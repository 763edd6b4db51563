//! What Shelfwise's tests share.
