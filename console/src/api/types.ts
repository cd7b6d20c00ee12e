// The names the console uses for the document's schemas; pages import these, never `schema.d.ts`.
import type { components } from './schema';

type Schemas = components['schemas'];

export type ApiKey = Schemas['ApiKey'];
export type ApiKeyRequest = Schemas['ApiKeyRequest'];
export type Availability = Schemas['Availability'];
export type CreatedApiKey = Schemas['CreatedApiKey'];
export type Environment = ApiKey['environment'];
export type Limit = Schemas['Limit'];
export type Limits = Schemas['Limits'];
export type LoginReply = Schemas['LoginReply'];
export type LoginRequest = Schemas['LoginRequest'];
export type Membership = Schemas['Membership'];
export type Money = Schemas['Money'];
export type Organization = Schemas['Organization'];
export type OrganizationWithUsage = Schemas['OrganizationWithUsage'];
export type Plan = Schemas['Plan'];
export type Product = Schemas['Product'];
export type Session = Schemas['Session'];
export type SignUpReply = Schemas['SignUpReply'];
export type SignUpRequest = Schemas['SignUpRequest'];
export type Subscription = Schemas['Subscription'];
export type TokenReply = Schemas['TokenReply'];
export type Usage = Schemas['Usage'];
export type UsageBucket = Schemas['UsageBucket'];
export type User = Schemas['User'];
