package search

import "time"

// Age is how old what the model shows may be: since the last refresh that read all it
// wanted began. false: there was none yet.
func (m *Model) Age() (time.Duration, bool) {
	at := m.refreshed.Load()
	return time.Since(time.Unix(0, at)), at != 0
}
