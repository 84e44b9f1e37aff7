package edge

import (
	"tienda/internal/fault"
	"tienda/services/gateway/internal/route"
)

// The headers that tell clients of their limits, as http.Header keeps them
// (draft-ietf-httpapi-ratelimit-headers-10). Their wire form is free of case.
const (
	headerLimit  = "Ratelimit"
	headerPolicy = "Ratelimit-Policy"
)

var errTooMany = fault.New(fault.TooMany, "too_many_requests", "You ask too often. Wait as long as Retry-After says.")

// count takes the request out of limits of its route and says in the answer how
// they stand.
func (e *Edge) count(x *exchange, policy []string, limits ...[]*route.Limit) error {
	v := e.o.Limits.Allow(x.client, limits...)
	if v.Limit == nil {
		return nil
	}
	h := x.Header()
	h[headerPolicy] = policy
	if v.OK {
		if x.nearest.Limit == nil || v.Share < x.nearest.Share {
			x.nearest = v
			h[headerLimit] = []string{v.Header()}
		}
		return nil
	}
	h[headerLimit] = []string{v.Header()}
	h["Retry-After"] = []string{v.RetryAfter()}
	e.o.Observe.Limited(v.Limit.Name)
	return errTooMany
}
