package rma

import "time"

// SettleTime is settleTime, for tests.
const SettleTime = settleTime

// SetClock replaces the service's clock in tests.
func (s *Service) SetClock(now func() time.Time) { s.now = now }

// SetOrders replaces the service's orders app in tests.
func (s *Service) SetOrders(o Orders) { s.orders = o }

// SetCatalog replaces what returns ask about an exchange.
func (s *Service) SetCatalog(c Catalog) { s.catalog = c }
