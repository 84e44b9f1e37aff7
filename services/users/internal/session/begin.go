package session

import "time"

// Begin opens a session in a document that the caller stores, in one commit
// with what else a sign-in changes; account.ErrDisabled. If there are too many,
// those longest unused end.
func (s *Sessions) Begin(from Client, now time.Time) (Token, error) {
	if err := s.barred(); err != nil {
		return Token{}, err
	}
	return s.open(from, now), nil
}
