package session

import (
	"slices"

	"tienda/services/users/internal/account"
	"tienda/services/users/internal/audit"
)

// Events lists the security events since the document was read.
func (s *Sessions) Events() []audit.Event { return slices.Clone(s.events) }

func (s *Sessions) tell(kind audit.Kind, session, reason string) {
	e := audit.Event{Kind: kind, Session: session}
	if reason != "" {
		e.Detail = map[string]string{"reason": reason}
	}
	s.events = append(s.events, e)
}

// EndAll ends every session. Why is for the caller to record: it is one event
// of the account, not one for each session.
func (s *Sessions) EndAll() {
	for len(s.Families) > 0 {
		s.end(0)
	}
}

// barred refuses what a disabled or erased account asks for.
func (s *Sessions) barred() error {
	if s.Barred {
		return account.ErrDisabled
	}
	return nil
}
