//! What speaks to Strava: sign-in, tokens, reads, limits. It stores nothing.
