-- Whether usage may go beyond the limits that have a price for it.

ALTER TABLE subscription ADD COLUMN allows_overage {bool} NOT NULL DEFAULT false;
--@postgres GRANT UPDATE (allows_overage) ON subscription TO insula_tenant;
