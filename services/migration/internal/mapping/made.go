package mapping

import "sync"

// Made knows the documents that were made in the shop and written back from there: their
// rows keep the IDs that they had. It is used by several goroutines at once.
type Made struct {
	mu  sync.RWMutex
	ids map[string]string // by source key, "orders:10248"
}

// Made gives what the identities of all kinds are held to.
func (m *Mapping) Made() *Made { return m.made }

// Add says that a row is that of a document which was made in the shop.
func (m *Made) Add(sourceKey, id string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ids == nil {
		m.ids = map[string]string{}
	}
	m.ids[sourceKey] = id
}

// Count gives how many there are.
func (m *Made) Count() int {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return len(m.ids)
}

func (m *Made) id(sourceKey string) (string, bool) {
	if m == nil {
		return "", false
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	id, ok := m.ids[sourceKey]
	return id, ok
}
