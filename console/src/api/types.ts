// The names the console uses for the document's schemas; pages import these, never `schema.d.ts`.
import type { components } from './schema';

type Schemas = components['schemas'];

export type ApiKey = Schemas['ApiKey'];
export type ApiKeySecret = Schemas['ApiKeySecret'];
export type Availability = Schemas['Availability'];
export type CreateApiKey = Schemas['CreateApiKey'];
export type Environment = ApiKey['environment'];
export type Limit = Schemas['Limit'];
export type Limits = Schemas['Limits'];
export type LoggedIn = Schemas['LoggedIn'];
export type Login = Schemas['Login'];
export type Membership = Schemas['Membership'];
export type Money = Schemas['Money'];
export type OperatorOrganization = Schemas['OperatorOrganization'];
export type Organization = Schemas['Organization'];
export type Plan = Schemas['Plan'];
export type Product = Schemas['Product'];
export type RefreshedToken = Schemas['RefreshedToken'];
export type Session = Schemas['Session'];
export type SignUp = Schemas['SignUp'];
export type SignedUp = Schemas['SignedUp'];
export type Subscription = Schemas['Subscription'];
export type Usage = Schemas['Usage'];
export type UsageBucket = Schemas['UsageBucket'];
export type User = Schemas['User'];
