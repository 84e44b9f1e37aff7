package strangler

// Figures are what a switch counts.
type Figures struct {
	Version  int64 // of the plan; 0: none yet
	Applied  int64
	Writes   int   // under way, or without a known outcome
	Held     int   // writes
	Waited   int64 // writes that were held
	Refused  int64 // of them, with 503 moving
	Polls    int64
	Failed   int64 // polls
	Same     int64 // shadow reads
	Differ   int64
	NoAnswer int64
	Dropped  int64
}

// Figures gives what was counted.
func (s *Switch) Figures() Figures {
	f := Figures{
		Applied: s.applied(), Writes: s.underWay(), Waited: s.waited.Load(), Refused: s.refused.Load(),
		Polls: s.polls.Load(), Failed: s.failed.Load(),
	}
	if p := s.plan.Load(); p != nil {
		f.Version = p.Version
	}
	s.mu.Lock()
	f.Held = s.held
	s.mu.Unlock()
	f.Same, f.Differ, f.NoAnswer, f.Dropped = s.shadows.totals()
	return f
}
