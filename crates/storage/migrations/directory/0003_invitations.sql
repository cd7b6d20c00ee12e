-- Invitations to organizations, and who invited whom.

-- Open as long as it was neither accepted nor canceled; one that has expired is open still, so that it can be sent again.
CREATE TABLE invitation (
    tenant_id    {id} NOT NULL REFERENCES organization (id),
    id           {id} NOT NULL UNIQUE,
    email        TEXT NOT NULL,
    email_folded TEXT NOT NULL,
    role         TEXT NOT NULL,
    teams        TEXT NOT NULL,
    token_hash   {bytes} NOT NULL,
    invited_by   {id},
    created_at   {instant} NOT NULL,
    sent_at      {instant} NOT NULL,
    expires_at   {instant} NOT NULL,
    accepted_at  {instant},
    accepted_by  {id},
    canceled_at  {instant},
    PRIMARY KEY (tenant_id, id)
){strict};
CREATE UNIQUE INDEX invitation_tenant_id_email_folded_key ON invitation (tenant_id, email_folded)
    WHERE accepted_at IS NULL AND canceled_at IS NULL;
--@ tenant invitation(tenant_id): select, insert, update
--@ platform invitation: select, insert, update

ALTER TABLE membership ADD COLUMN invited_by {id};

-- Whether an address is a member's already, and whether a member is locked out, an organization finds of its own members.
--@postgres GRANT SELECT (email_folded, locked_until) ON user_account TO insula_tenant;

-- Who accepts an invitation joins its teams.
--@postgres GRANT INSERT ON team_member TO insula_platform;
--@postgres CREATE POLICY team_member_platform_insert ON team_member FOR INSERT TO insula_platform WITH CHECK (true);
