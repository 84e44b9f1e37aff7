package state

// work is what a version of a document has begun; its entry notes it.
type work struct {
	*entry
	version int64
}

// finish says that the work which a document began up to a version is done, or noted
// elsewhere.
func (o *outbox) finish(key string, version int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if was, noted := o.work[key]; noted && was.version <= version {
		delete(o.work, key)
		o.settled(was.entry)
	}
}

// noted gives the version of a document that began work which is unfinished; 0: none did.
func (o *outbox) noted(key string) int64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.work[key].version
}
