package order

import "tienda/internal/fault"

// Readdress sends a confirmed order to another address of the same country and region,
// which its tax and shipping were computed for; the address it has already changes
// nothing, whatever version is named.
func (o *Order) Readdress(to Address, version int64) error {
	switch {
	case o.Status != Confirmed:
		return fault.New(fault.Conflict, "order_is_"+string(o.Status), "The address of an order that is "+string(o.Status)+" cannot change.")
	case o.Address == to:
		return nil
	case version != 0 && version != o.Version:
		return errVersion
	}
	var fields []fault.Field
	if to.Country != o.Address.Country {
		fields = append(fields, fault.Field{Name: "/country", Reason: "is not the country of the order"})
	}
	if to.Region != o.Address.Region {
		fields = append(fields, fault.Field{Name: "/region", Reason: "is not the region of the order"})
	}
	if len(fields) > 0 {
		e := fault.New(fault.Unprocessable, "address_elsewhere", "Tax and shipping would be others there. Cancel the order and buy again.")
		e.Fields = fields
		return e
	}
	o.Address, o.changed = to, true
	return nil
}
