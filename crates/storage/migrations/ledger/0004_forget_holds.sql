-- Holds that ended long ago are forgotten: they are found by when they ended, or ran out.

CREATE INDEX hold_over ON hold (COALESCE(ended_at, expires_at));
--@postgres GRANT DELETE ON hold TO insula_platform;
--@postgres CREATE POLICY hold_platform_delete ON hold FOR DELETE TO insula_platform USING (true);
