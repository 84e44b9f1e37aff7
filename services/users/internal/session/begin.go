package session

import "time"

// Begin opens a session in a document that the caller stores, in one commit
// with what else a sign-in changes. If there are too many, those longest
// unused end.
func (s *Sessions) Begin(userAgent string, now time.Time) Token { return s.open(userAgent, now) }
