package history

import "slices"

// promotions holds the uses of each promotion to the orders that have it: those that
// were bought with it and not cancelled.
func (c *checker) promotions() {
	for _, p := range c.run.Promotions {
		var uses Uses
		for _, u := range c.run.Final.Uses {
			if u.Promotion == p.ID {
				uses = u
			}
		}
		live := 0
		for _, o := range c.run.Final.Orders {
			has := slices.Contains(o.Promotions, p.ID) && o.Status != Cancelled && o.Status != Pending
			if has {
				live++
			}
			if n := count(uses.Open, o.ID); n > 1 || n == 1 && !has {
				c.wrong(PromotionUses, "promotion %s has %d uses of order %s, which is %s and has %v", p.ID, n, o.ID, o.Status, o.Promotions)
			}
		}
		for _, id := range uses.Open {
			if _, there := c.byID[id]; !there {
				c.wrong(PromotionUses, "promotion %s is used by order %s, which is not there", p.ID, id)
			}
		}
		if used := uses.Folded + len(uses.Open); used != live {
			c.wrong(PromotionUses, "promotion %s was used %d times, and %d orders have it", p.ID, used, live)
		}
		if live > p.Limit {
			c.wrong(PromotionOver, "promotion %s is for %d orders, and %d have it", p.ID, p.Limit, live)
		}
	}
}

func count(all []string, one string) (n int) {
	for _, x := range all {
		if x == one {
			n++
		}
	}
	return n
}

// off gives what is off an order by the promotions that it has.
func (c *checker) off(o Order) (sum int64) {
	goods := int64(0)
	for _, l := range o.Lines {
		goods += l.Price * int64(l.Quantity)
	}
	for _, p := range c.run.Promotions {
		if slices.Contains(o.Promotions, p.ID) {
			sum += (goods*p.Rate*2 + 100_000) / 200_000
		}
	}
	return sum
}
