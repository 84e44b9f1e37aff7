package routing_test

import (
	"context"
	"maps"

	"tienda/services/migration/internal/routing"
)

// counting is a store in memory that remembers what it was asked.
type counting struct {
	plan    routing.Plan
	members map[string]routing.Member
	order   []string
	written int
}

func (c *counting) Plan(context.Context) (routing.Plan, error) {
	c.order = append(c.order, "plan")
	return c.plan, nil
}

func (c *counting) Change(_ context.Context, change func(*routing.Plan) error) (routing.Plan, error) {
	err := change(&c.plan)
	return c.plan, err
}

func (c *counting) Members(context.Context) (map[string]routing.Member, error) { return c.members, nil }

func (c *counting) ChangeMembers(_ context.Context, change func(map[string]routing.Member) bool) (map[string]routing.Member, error) {
	c.order = append(c.order, "members")
	next := maps.Clone(c.members)
	if change(next) {
		c.members = next
		c.written++
	}
	return c.members, nil
}
