package statestore

import (
	"context"

	"tienda/internal/state"
	"tienda/services/support/internal/rma"
)

var policies = state.Collection[rma.Policies]{Prefix: "return-policies"}

func getPolicies(tx *state.Tx) (rma.Policies, error) {
	p, ok, err := policies.Get(tx, "")
	if err != nil || !ok {
		return rma.DefaultPolicies(), err
	}
	version, err := policies.Version(tx, "")
	p.Version = version + 1
	return p, err
}

// Policies implements rma.Store with 1 call.
func (s *Returns) Policies(ctx context.Context) (p rma.Policies, err error) {
	err = s.db.View(ctx, func(tx *state.Tx) error {
		p, err = getPolicies(tx)
		return err
	})
	return p, err
}

// SetPolicies implements rma.Store with 2 calls.
func (s *Returns) SetPolicies(ctx context.Context, p rma.Policies, version int64) (rma.Policies, error) {
	err := s.db.Update(ctx, func(tx *state.Tx) error {
		is, err := getPolicies(tx)
		if err != nil {
			return err
		}
		if version != 0 && version != is.Version {
			return rma.ErrPoliciesVersion
		}
		p.Version = is.Version + 1
		return policies.Put(tx, "", p)
	})
	return p, err
}
