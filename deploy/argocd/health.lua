-- Argo CD's view of a Canary. In the ConfigMap argocd-cm, under the key
-- resource.customizations.health.canaryd.io_Canary
local health = { status = "Progressing", message = "canaryd has not seen this Canary yet" }

local status = obj.status
if status == nil or status.conditions == nil then
  return health
end
if status.observedGeneration ~= nil and obj.metadata.generation ~= nil
    and status.observedGeneration < obj.metadata.generation then
  health.message = "canaryd has not seen the last change yet"
  return health
end

local conditions = {}
for _, condition in ipairs(status.conditions) do
  conditions[condition.type] = condition
end

-- Rolled back, or a spec that cannot be worked with: neither goes on by itself.
local stalled = conditions["Stalled"]
if stalled ~= nil and stalled.status == "True" then
  health.status = "Degraded"
  health.message = stalled.message
  return health
end

-- Waiting for a person.
local hold = status.hold
if hold ~= nil and (hold.reason == "Suspended" or hold.reason == "Paused" or hold.reason == "ApprovalNeeded") then
  health.status = "Suspended"
  health.message = hold.message
  return health
end

local ready = conditions["Ready"]
if ready ~= nil then
  health.message = ready.message
  if ready.status == "True" then
    health.status = "Healthy"
  elseif ready.status == "False" then
    health.status = "Degraded"
  end
end
return health
