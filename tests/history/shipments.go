package history

// shipments holds what was sent to what was ordered: each piece leaves the house once,
// and the status says whether all of them have.
func (c *checker) shipments() {
	for _, o := range c.run.Final.Orders {
		if len(o.Shipments) == 0 {
			if o.Status == PartiallyShipped {
				c.wrong(ShipmentWrong, "order %s is %s without a shipment", o.ID, o.Status)
			}
			continue
		}
		sent, ids := map[string]int{}, map[string]bool{}
		for _, s := range o.Shipments {
			if ids[s.ID] {
				c.wrong(ShipmentWrong, "order %s has shipment %s twice", o.ID, s.ID)
			}
			ids[s.ID] = true
			for _, l := range s.Lines {
				sent[l.SKU] += l.Quantity
			}
		}
		whole := true
		for _, l := range o.kept() {
			if sent[l.SKU] > l.Quantity {
				c.wrong(ShipmentWrong, "order %s has shipped %d of %s, and %d were bought and not cancelled", o.ID, sent[l.SKU], l.SKU, l.Quantity)
			}
			whole = whole && sent[l.SKU] == l.Quantity
		}
		right := o.Status == PartiallyShipped
		if whole {
			right = o.Status == Shipped || o.Status == Delivered
		}
		if !right {
			c.wrong(ShipmentWrong, "order %s is %s, and its shipments have %v of %v", o.ID, o.Status, sent, o.kept())
		}
	}
}

// sentInPart gives the shipments of an order after which more followed, or is to.
func (o Order) sentInPart() []Shipment {
	if n := len(o.Shipments); n > 0 && (o.Status == Shipped || o.Status == Delivered) {
		return o.Shipments[:n-1]
	}
	return o.Shipments
}
