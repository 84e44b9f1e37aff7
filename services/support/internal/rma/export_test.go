package rma

import "time"

// SettleTime is settleTime, for tests.
const SettleTime = settleTime

// SetClock replaces the service's clock in tests.
func (s *Service) SetClock(now func() time.Time) { s.now = now }
